package main

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// A row keeps its values through the stub's table.
func TestRowsSurvive(t *testing.T) {
	const text = `{"a":{"S":"x"},"b":{"N":"1.50"},"c":{"BOOL":true},"d":{"L":[{"S":"y"},{"M":{"e":{"NULL":true}}}]},"f":{"M":{}}}`
	r, err := decodeRow(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(encodeRow(r))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	json.Unmarshal(encoded, &got)
	json.Unmarshal([]byte(text), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %s, want %s", encoded, text)
	}
	for _, bad := range []string{`{"a":{"SS":["x"]}}`, `{"a":{"L":[{"B":"eA=="}]}}`, `[]`} {
		if _, err := decodeRow(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestTimelineNamesWhatACallWaitedFor(t *testing.T) {
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	got := timeline(played{from: start, calls: []timedCall{
		{"grant", "DynamoDB.GetItem", at(5), at(25)},
		{"grant", "S3.GET", at(5), at(30)},
		{"notify", "Slack.chat.update", at(10), at(28)},
		{"grant", "DynamoDB.PutItem", at(29), at(50)},
		{"grant", "DynamoDB.DeleteItem", at(31), at(60)},
	}})
	const want = `  function  call                 began  ended  after
  grant     DynamoDB.GetItem     5      25     start
  grant     S3.GET               5      30     start
  notify    Slack.chat.update    10     28     start
  grant     DynamoDB.PutItem     29     50     DynamoDB.GetItem
  grant     DynamoDB.DeleteItem  31     60     S3.GET
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
