package slack

import (
	"regexp"
	"strings"
)

// executionARN is the ARN of an execution; the groups are its partition and
// region. Names of machines and executions: letters, digits, "-", "_" and a few
// more marks, none of which needs escaping in a fragment.
var executionARN = regexp.MustCompile(`^arn:(aws[a-z-]*):states:([a-z0-9-]+):[0-9]{12}:execution:[A-Za-z0-9_.+!@=-]{1,80}:[A-Za-z0-9_.+!@=-]{1,80}$`)

// ConsoleURL is the page of the Step Functions console that shows an
// execution; "" for what is not the ARN of one.
func ConsoleURL(arn string) string {
	m := executionARN.FindStringSubmatch(arn)
	if m == nil {
		return ""
	}
	partition, region := m[1], m[2]
	host := region + ".console.aws.amazon.com"
	switch {
	case partition == "aws-cn":
		host = region + ".console.amazonaws.cn"
	case strings.HasPrefix(partition, "aws-us-gov"):
		host = region + ".console.amazonaws-us-gov.com"
	}
	return "https://" + host + "/states/home?region=" + region + "#/v2/executions/details/" + arn
}
