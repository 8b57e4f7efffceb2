package slack

import (
	"regexp"
	"strings"

	slackgo "github.com/slack-go/slack"
)

// executionARN matches the ARN of an execution. Its groups capture the partition and
// the region. The names of the machine and the execution consist of letters, digits,
// "-", "_" and a few marks, none of which needs escaping in a URL fragment.
var executionARN = regexp.MustCompile(`^arn:(aws[a-z-]*):states:([a-z0-9-]+):[0-9]{12}:execution:[A-Za-z0-9_.+!@=-]{1,80}:[A-Za-z0-9_.+!@=-]{1,80}$`)

// consoleLink is the text of the link to an execution.
const consoleLink = "View in the AWS console"

// ConsoleURL returns the address of an execution in the Step Functions console. It
// returns "" if arn is not the ARN of an execution.
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

// operatorsLink returns a link to an execution as a context block, which Slack shows small
// and gray. It returns nil if arn is not the ARN of an execution. A context block takes no
// rich text, so this is the only mrkdwn in the blocks of any message. It contains nothing that needs
// escaping: only this app's words, and an address whose characters executionARN limits.
func operatorsLink(arn string) slackgo.Block {
	url := ConsoleURL(arn)
	if url == "" {
		return nil
	}
	text := slackgo.NewTextBlockObject(slackgo.MarkdownType, "For operators: <"+url+"|"+consoleLink+">", false, true)
	return slackgo.NewContextBlock("operators", text)
}
