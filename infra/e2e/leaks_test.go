package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// secretNeedles are values that must be nowhere but where they belong, with what each is.
//
// Secrets are Slack's: they belong into SSM's SecureStrings and Secrets Manager.
// A task token lets its holder say what an approver said: it belongs into the
// parameters of the task that has it, and into the row's attribute for it.
// A response URL is a credential too: for half an hour its holder may write in
// the app's name in a channel. So, for three seconds, is a trigger id, and the
// signature of a request for five minutes. They belong into Slack's request
// alone; nothing keeps them.
type secretNeedles struct {
	byHead map[string][]secretNeedle
}

type secretNeedle struct{ value, what string }

// headLength is how many bytes identify a value. Every value is longer.
const headLength = 12

func (n *secretNeedles) add(what, value string) {
	if len(value) < headLength {
		return
	}
	if n.byHead == nil {
		n.byHead = map[string][]secretNeedle{}
	}
	one := secretNeedle{value, what}
	if head := value[:headLength]; !slices.Contains(n.byHead[head], one) {
		n.byHead[head] = append(n.byHead[head], one)
	}
}

// in returns the values that a text contains, each once.
func (n *secretNeedles) in(text string) (found []secretNeedle) {
	for i := 0; i+headLength <= len(text); i++ {
		for _, one := range n.byHead[text[i:i+headLength]] {
			if strings.HasPrefix(text[i:], one.value) && !slices.Contains(found, one) {
				found = append(found, one)
			}
		}
	}
	return found
}

// evidence is everything that a stack has written, by place.
type evidence struct {
	secrets   map[string]string // value to name
	histories []historyEvent
	rows      []row
	kept      []written // objects in S3, parameters, what the workspace has, the log
	incoming  []delivered
}

// historyEvent is one event of an execution. Token is the token of the task that
// the event schedules, "" for every other event.
type historyEvent struct{ where, text, token string }

// row is an item of the table: the texts of its attributes, at any depth.
type row struct {
	key        string
	attributes map[string][]string
}

type written struct{ where, text string }

// delivered is a request from Slack to the app, and the app's answer.
type delivered struct {
	Kind, Person, Signature, Body, Answer string
}

// ownToken reports whether the attribute is the row's attribute for a task token.
func (r row) ownToken(attribute string) bool {
	switch {
	case strings.HasPrefix(r.key, "request#"):
		return attribute == "approval_token" || attribute == "end_token"
	case strings.HasPrefix(r.key, "run#"):
		return attribute == "token"
	}
	return false
}

// leaks returns each place in the evidence where a secret, a task token or another
// credential doesn't belong.
func (e *evidence) leaks() (leaks []string) {
	var all, ours secretNeedles // our own values, without those in Slack's requests
	both := func(what, value string) { all.add(what, value); ours.add(what, value) }
	for value, name := range e.secrets {
		both("the secret "+name, value)
	}
	for _, event := range e.histories {
		both("a task token", event.token)
	}
	for _, r := range e.rows {
		for attribute, texts := range r.attributes {
			if r.ownToken(attribute) {
				both("a task token", strings.Join(texts, ""))
			}
		}
	}
	for _, d := range e.incoming {
		responseURLs, trigger := slackCredentials(d.Body)
		for _, u := range responseURLs {
			all.add("a response URL", u)
		}
		all.add("a trigger id", trigger)
		all.add("a request's signature", strings.TrimPrefix(d.Signature, "v0="))
	}

	look := func(n *secretNeedles, where, text string) {
		for _, found := range n.in(text) {
			leaks = append(leaks, where+" has "+found.what)
		}
	}
	for _, event := range e.histories {
		text := event.text
		if event.token != "" {
			text = strings.Replace(text, event.token, "", 1) // the row's own token, once
		}
		look(&all, event.where, text)
	}
	for _, r := range e.rows {
		for attribute, texts := range r.attributes {
			if r.ownToken(attribute) {
				continue
			}
			look(&all, "the row "+r.key+", attribute "+attribute+",", strings.Join(append(texts, r.key), "\n"))
		}
	}
	for _, d := range e.kept {
		look(&all, d.where, d.text)
	}
	for _, d := range e.incoming {
		body, err := url.QueryUnescape(d.Body)
		if err != nil {
			body = d.Body
		}
		look(&ours, "what Slack sent back ("+d.Kind+" of "+d.Person+")", body)
		look(&all, "the answer to a "+d.Kind+" of "+d.Person, d.Answer)
	}
	slices.Sort(leaks)
	return slices.Compact(leaks)
}

// slackCredentials returns the response URLs and the trigger id in a request from
// Slack.
func slackCredentials(body string) (responseURLs []string, trigger string) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, ""
	}
	var payload struct {
		ResponseURL  string `json:"response_url"`
		TriggerID    string `json:"trigger_id"`
		ResponseURLs []struct {
			ResponseURL string `json:"response_url"`
		} `json:"response_urls"`
	}
	_ = json.Unmarshal([]byte(form.Get("payload")), &payload) // a command has none
	for _, u := range append([]string{payload.ResponseURL, form.Get("response_url")}, func() (more []string) {
		for _, one := range payload.ResponseURLs {
			more = append(more, one.ResponseURL)
		}
		return more
	}()...) {
		if u != "" {
			// The last part is secret. Addresses may be written differently.
			responseURLs = append(responseURLs, u[strings.LastIndexByte(u, '/')+1:])
		}
	}
	if trigger = payload.TriggerID; trigger == "" {
		trigger = form.Get("trigger_id")
	}
	return responseURLs, trigger
}

// leaks is what evidence.leaks finds of all that the stack has written.
func (s *stack) leaks() ([]string, error) {
	e, err := s.gather("")
	if err != nil {
		return nil, err
	}
	return e.leaks(), nil
}

// gather reads what the stack has written. It reads executions and objects only if
// their name contains about, and everything else.
func (s *stack) gather(about string) (*evidence, error) {
	e := &evidence{secrets: map[string]string{signingSecret: "signing secret", botToken: "bot token"}}
	for _, step := range []func(context.Context, *evidence, string) error{
		s.gatherParameters, s.gatherHistories, s.gatherRows, s.gatherObjects, s.gatherSlack, s.gatherLog,
	} {
		if err := step(context.Background(), e, about); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// gatherParameters reads the secrets and all other parameters.
func (s *stack) gatherParameters(ctx context.Context, e *evidence, _ string) error {
	pages := ssm.NewDescribeParametersPaginator(s.ssm, &ssm.DescribeParametersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, p := range page.Parameters {
			out, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: p.Name, WithDecryption: aws.Bool(true)})
			if err != nil {
				return err
			}
			if value := *out.Parameter.Value; p.Type == ssmtypes.ParameterTypeSecureString {
				e.secrets[value] = *p.Name
			} else {
				e.kept = append(e.kept, written{"the parameter " + *p.Name, value})
			}
		}
	}
	vault := secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.AWSEndpointURL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	secrets := secretsmanager.NewListSecretsPaginator(vault, &secretsmanager.ListSecretsInput{})
	for secrets.HasMorePages() {
		page, err := secrets.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, one := range page.SecretList {
			out, err := vault.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: one.ARN})
			if err != nil {
				return err
			}
			e.secrets[aws.ToString(out.SecretString)] = *one.Name
		}
	}
	return nil
}

// gatherHistories reads every event of the executions of both machines.
func (s *stack) gatherHistories(ctx context.Context, e *evidence, about string) error {
	machines, err := s.sfn.ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	if err != nil {
		return err
	}
	for _, m := range machines.StateMachines {
		pages := sfn.NewListExecutionsPaginator(s.sfn, &sfn.ListExecutionsInput{StateMachineArn: m.StateMachineArn})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, x := range page.Executions {
				if !strings.Contains(*x.Name, about) {
					continue
				}
				if err := s.gatherHistory(ctx, e, *x.Name, *x.ExecutionArn); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *stack) gatherHistory(ctx context.Context, e *evidence, name, arn string) error {
	pages := sfn.NewGetExecutionHistoryPaginator(s.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, IncludeExecutionData: aws.Bool(true), MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("history of %s: %w", name, err)
		}
		for _, event := range page.Events {
			text, err := json.Marshal(event)
			if err != nil {
				return err
			}
			e.histories = append(e.histories, historyEvent{
				where: fmt.Sprintf("the history of %s, event %d (%s),", name, event.Id, event.Type),
				text:  string(text),
				token: tokenOf(event),
			})
		}
	}
	return nil
}

// tokenOf returns the task token in the parameters of a task that waits for it.
func tokenOf(event sfntypes.HistoryEvent) string {
	d := event.TaskScheduledEventDetails
	if d == nil || !strings.HasSuffix(aws.ToString(d.Resource), ".waitForTaskToken") {
		return ""
	}
	var parameters struct {
		Payload struct {
			Token string `json:"token"`
		}
	}
	_ = json.Unmarshal([]byte(aws.ToString(d.Parameters)), &parameters)
	return parameters.Payload.Token
}

// gatherRows reads the whole table.
func (s *stack) gatherRows(ctx context.Context, e *evidence, _ string) error {
	tables, err := s.table.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return err
	}
	for _, table := range tables.TableNames {
		pages := dynamodb.NewScanPaginator(s.table, &dynamodb.ScanInput{TableName: &table})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, item := range page.Items {
				r := row{attributes: map[string][]string{}}
				for name, value := range item {
					r.attributes[name] = textsOfAttribute(value)
				}
				r.key = strings.Join(r.attributes["pk"], "")
				e.rows = append(e.rows, r)
			}
		}
	}
	return nil
}

// textsOfAttribute returns all names and texts in an attribute, at any depth.
func textsOfAttribute(value types.AttributeValue) (texts []string) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return []string{v.Value}
	case *types.AttributeValueMemberB:
		return []string{string(v.Value)}
	case *types.AttributeValueMemberSS:
		return v.Value
	case *types.AttributeValueMemberN:
		return []string{v.Value}
	case *types.AttributeValueMemberL:
		for _, one := range v.Value {
			texts = append(texts, textsOfAttribute(one)...)
		}
	case *types.AttributeValueMemberM:
		for name, one := range v.Value {
			texts = append(append(texts, name), textsOfAttribute(one)...)
		}
	}
	return texts
}

// gatherObjects reads the objects of all buckets, and unpacks packed ones.
func (s *stack) gatherObjects(ctx context.Context, e *evidence, about string) error {
	buckets, err := s.s3.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return err
	}
	for _, bucket := range buckets.Buckets {
		pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: bucket.Name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, object := range page.Contents {
				if !strings.Contains(*object.Key, about) {
					continue
				}
				out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket.Name, Key: object.Key})
				if err != nil {
					return err
				}
				text, err := unpacked(out.Body)
				if err != nil {
					return fmt.Errorf("%s: %w", *object.Key, err)
				}
				e.kept = append(e.kept, written{"s3://" + *bucket.Name + "/" + *object.Key, *object.Key + "\n" + fmt.Sprint(out.Metadata) + "\n" + text})
			}
		}
	}
	return nil
}

func unpacked(body io.ReadCloser) (string, error) {
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil || !bytes.HasPrefix(text, []byte("\x1f\x8b")) {
		return string(text), err
	}
	packed, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	text, err = io.ReadAll(packed)
	return string(text), err
}

// gatherSlack reads all messages, including those that one person sees, the open
// forms, and the requests and answers between Slack and the app.
func (s *stack) gatherSlack(_ context.Context, e *evidence, _ string) error {
	var messages struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if err := s.get("/sim/messages?metadata=1", &messages); err != nil {
		return err
	}
	for _, m := range messages.Messages {
		e.kept = append(e.kept, written{"a message in Slack", string(m)})
	}
	var log struct {
		Deliveries []delivered `json:"deliveries"`
	}
	if err := s.get("/sim/deliveries", &log); err != nil {
		return err
	}
	e.incoming = log.Deliveries
	people := map[string]bool{}
	for _, d := range log.Deliveries {
		if d.Person == "" || people[d.Person] {
			continue
		}
		people[d.Person] = true
		var views json.RawMessage
		if err := s.get("/sim/views?person="+d.Person, &views); err != nil {
			return err
		}
		e.kept = append(e.kept, written{"a form of " + d.Person, string(views)})
	}
	return nil
}

// gatherLog reads the log of the stack and its functions, which includes metrics.
func (s *stack) gatherLog(_ context.Context, e *evidence, _ string) error {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		e.kept = append(e.kept, written{"the log " + s.log, line})
	}
	return nil
}
