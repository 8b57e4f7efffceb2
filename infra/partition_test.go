package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var arnPartition = regexp.MustCompile(`arn:([^:]*):`)

// TestPartitions resolves the templates as CloudFormation does in each partition of
// AWS. Every ARN must be in that partition: in policies, definitions, outputs and
// dashboards. ARNs from the settings are the only exception.
func TestPartitions(t *testing.T) {
	for name, tpl := range map[string]template{"default": sharedStack(t).template, "protected": protectedTemplate(t)} {
		raw, err := json.Marshal(tpl)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range []struct{ partition, region, suffix string }{
			{"aws", "eu-central-1", "amazonaws.com"}, {"aws-us-gov", "us-gov-west-1", "amazonaws.com"}, {"aws-cn", "cn-north-1", "amazonaws.com.cn"},
		} {
			t.Run(name+" "+place.partition, func(t *testing.T) {
				text := string(raw)
				for _, named := range []string{"arn:aws:sso:::instance/", "arn:aws:kms:", "arn:aws:iam::111111111111:policy/boundary"} {
					text = strings.ReplaceAll(text, named, strings.Replace(named, "arn:aws:", "arn:"+place.partition+":", 1))
				}
				var tree any
				if err := json.Unmarshal([]byte(text), &tree); err != nil {
					t.Fatal(err)
				}
				found := map[string]int{}
				for _, text := range stringsIn(inPartition(tree, map[string]string{
					"AWS::Partition": place.partition, "AWS::Region": place.region, "AWS::URLSuffix": place.suffix, "AWS::AccountId": "123456789012",
				})) {
					for _, m := range arnPartition.FindAllStringSubmatch(text, -1) {
						if found[m[1]]++; m[1] != place.partition {
							t.Errorf("an ARN of partition %q in %s", m[1], text)
						}
					}
				}
				// The tasks of the two definitions alone have more ARNs than this.
				if found[place.partition] < 50 {
					t.Errorf("only %d ARNs were found", found[place.partition])
				}
			})
		}
	}
}

// inPartition returns a part of a template with pseudo parameters filled in and
// texts joined. A reference to a resource becomes its logical id.
func inPartition(node any, pseudo map[string]string) any {
	switch node := node.(type) {
	case []any:
		all := make([]any, len(node))
		for i := range node {
			all[i] = inPartition(node[i], pseudo)
		}
		return all
	case map[string]any:
		if len(node) == 1 {
			if id, ok := node["Ref"].(string); ok {
				if value, ok := pseudo[id]; ok {
					return value
				}
				return "<" + id + ">"
			}
			if of, ok := node["Fn::GetAtt"].([]any); ok {
				return "<" + of[0].(string) + "." + of[1].(string) + ">"
			}
			if text, ok := node["Fn::Sub"].(string); ok {
				for name, value := range pseudo {
					text = strings.ReplaceAll(text, "${"+name+"}", value)
				}
				return text
			}
			if of, ok := node["Fn::Join"].([]any); ok {
				return strings.Join(stringsIn(inPartition(of[1], pseudo)), of[0].(string))
			}
		}
		all := map[string]any{}
		for name := range node {
			all[name] = inPartition(node[name], pseudo)
		}
		return all
	}
	return node
}

// stringsIn returns all strings in a tree, in order.
func stringsIn(node any) []string {
	var all []string
	switch node := node.(type) {
	case string:
		all = append(all, node)
	case []any:
		for _, one := range node {
			all = append(all, stringsIn(one)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(node)) {
			all = append(all, name)
			all = append(all, stringsIn(node[name])...)
		}
	}
	return all
}
