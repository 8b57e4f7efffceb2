package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"
	"gopkg.in/yaml.v3"

	"sso-elevator/slack"
)

// withoutScope are the methods of the Web API that any bot token may call.
var withoutScope = []string{"auth.test", "views.open", "views.publish", "views.update"}

// TestScopesAreThoseOfTheCalls checks that the manifest requests exactly the scopes
// of the app's calls. It calls every method of the client against a server that
// notes the calls.
func TestScopesAreThoseOfTheCalls(t *testing.T) {
	called := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, ok := strings.CutPrefix(r.URL.Path, "/api/")
		if ok {
			called[method] = true
		}
		if method == "auth.test" {
			io.WriteString(w, `{"ok":true,"team":"T","team_id":"T1","user":"bot","user_id":"U1","bot_id":"B1"}`)
			return
		}
		channel := `{"id":"D1","is_member":true}`
		if strings.HasPrefix(method, "chat.") {
			channel = `"C1"`
		}
		io.WriteString(w, `{"ok":true,"channel":`+channel+`,"user":{"id":"U1"},"bot":{"id":"B1","app_id":"A1"},"view":{"id":"V1"},"messages":[],"members":[],"ts":"1"}`)
	}))
	defer server.Close()
	client := slack.NewClient(func(context.Context) (string, error) { return "xoxb-1", nil }, server.URL+"/api/", nil)
	ctx := t.Context()
	message := slack.Message{Text: "text", RequestID: "r-1", Purpose: "announce"}
	uses := map[string]func() error{
		"OpenView":     func() error { _, _, err := client.OpenView(ctx, "t", slackgo.ModalViewRequest{}); return err },
		"UpdateView":   func() error { return client.UpdateView(ctx, "V1", "h", slackgo.ModalViewRequest{}) },
		"PublishView":  func() error { return client.PublishView(ctx, "U1", slackgo.HomeTabViewRequest{}) },
		"Post":         func() error { _, err := client.Post(ctx, "C1", "", message); return err },
		"Update":       func() error { return client.Update(ctx, "C1", "1", message) },
		"Ephemeral":    func() error { return client.Ephemeral(ctx, "C1", "U1", "", "text") },
		"Respond":      func() error { return client.Respond(ctx, server.URL+"/response", "text") },
		"User":         func() error { _, err := client.User(ctx, "U1"); return err },
		"UserByEmail":  func() error { _, _, err := client.UserByEmail(ctx, "a@example.com"); return err },
		"MembersAmong": func() error { _, err := client.MembersAmong(ctx, "C1", []string{"U1"}); return err },
		"FindPost": func() error {
			_, _, err := client.FindPost(ctx, "C1", "", message)
			_, _, inThread := client.FindPost(ctx, "C1", "1", message)
			return first2(err, inThread)
		},
		"OpenDM":       func() error { _, err := client.OpenDM(ctx, "U1"); return err },
		"Installation": func() error { _, err := client.Installation(ctx); return err },
		"AppOf":        func() error { _, err := client.AppOf(ctx, "B1"); return err },
		"Channel":      func() error { _, err := client.Channel(ctx, "C1"); return err },
	}
	for i := range reflect.TypeOf(client).NumMethod() {
		name := reflect.TypeOf(client).Method(i).Name
		use, ok := uses[name]
		if !ok {
			t.Errorf("nobody knows which scopes %s needs: use it here", name)
			continue
		}
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	needed := map[string]bool{}
	for _, s := range slack.Scopes {
		if s.Reason == "" {
			t.Errorf("%s has no reason", s.Name)
		}
		methods := strings.Fields(s.Methods)
		if len(methods) == 0 && s.Name != "commands" {
			t.Errorf("%s is for no method", s.Name)
		}
		for _, method := range methods {
			needed[method] = true
			if !called[method] {
				t.Errorf("%s is asked for because of %s, which is never called", s.Name, method)
			}
		}
	}
	for method := range called {
		if !needed[method] && !slices.Contains(withoutScope, method) {
			t.Errorf("%s is called, and no scope is asked for because of it", method)
		}
	}
	if len(called) != len(needed)+len(withoutScope) {
		t.Errorf("called were %q", slices.Sorted(maps.Keys(called)))
	}
}

func first2(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// TestManifestIsOneOfSlacks checks that file and output are the same manifest
// except for the URL, and that Slack's own types parse it completely.
func TestManifestIsOneOfSlacks(t *testing.T) {
	const url = "https://a.example/slack"
	s := goldenSettings(t)
	m := slackManifest(s, url)
	file, err := yaml.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(file); !strings.Contains(s, "app_home_opened") {
		t.Errorf("the manifest subscribes to no event: %s", s)
	}
	var fromYAML, fromJSON map[string]any
	if err := yaml.Unmarshal(file, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(m.json()), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromYAML, fromJSON) {
		t.Errorf("the file says %v\nthe output %v", fromYAML, fromJSON)
	}

	var slacks slackgo.Manifest
	decoder := json.NewDecoder(strings.NewReader(m.json()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&slacks); err != nil {
		t.Fatal(err)
	}
	if home := slacks.Features.AppHome; !home.MessagesTabEnabled || !home.MessagesTabReadOnlyEnabled || !home.HomeTabEnabled {
		t.Errorf("the app's home is %+v; direct messages need the tab for them, and people see their access in the other", home)
	}
	if e := slacks.Settings.EventSubscriptions; e == nil || e.RequestUrl != url || !slices.Equal(e.BotEvents, []string{"app_home_opened"}) || len(e.UserEvents) > 0 {
		t.Errorf("events are %+v, want app_home_opened at %s", e, url)
	}
	i := slacks.Settings.Interactivity
	if !i.IsEnabled || i.RequestUrl != url || i.MessageMenuOptionsUrl != url {
		t.Errorf("interactions go to %+v, want %s for both", i, url)
	}
	var commands, shortcuts []string
	for _, c := range slacks.Features.SlashCommands {
		if c.Url != url {
			t.Errorf("%s goes to %s, want %s", c.Command, c.Url, url)
		}
		commands = append(commands, c.Command)
	}
	for _, c := range slacks.Features.Shortcuts {
		if c.Type != "global" {
			t.Errorf("%s is a shortcut of %s, want everywhere", c.CallbackID, c.Type)
		}
		shortcuts = append(shortcuts, c.CallbackID)
	}
	if want := []string{slack.CommandAccount, slack.CommandGroup}; !slices.Equal(commands, want) {
		t.Errorf("commands %q, want %q", commands, want)
	}
	if want := []string{slack.CallbackAccount, slack.CallbackGroup}; !slices.Equal(shortcuts, want) {
		t.Errorf("shortcuts %q, want %q", shortcuts, want)
	}
	if !slacks.Settings.OrgDeployEnabled {
		t.Error("an app for an enterprise can't be installed for it")
	}
	s.SlackEnterpriseID = ""
	if slackManifest(s, url).Settings.OrgDeploy {
		t.Error("an app for one workspace can be installed for an enterprise, whose requests nobody would accept")
	}
}

// TestFirstManifest checks that the manifest before the deployment differs from the second
// one in what Slack can verify only after it.
func TestFirstManifest(t *testing.T) {
	file := filepath.Join(t.TempDir(), manifestFile)
	s := goldenSettings(t)
	if err := writeManifest(file, s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var first manifest
	if err := yaml.Unmarshal(text, &first); err != nil {
		t.Fatal(err)
	}
	if first.Settings.Events != nil || strings.Contains(string(text), "event_subscriptions") || first.Features.AppHome.HomeTab {
		t.Errorf("Slack would ask a URL that doesn't exist yet: %s", text)
	}
	second := slackManifest(s, urlToFill)
	first.Settings.Events, first.Features.AppHome.HomeTab = second.Settings.Events, true
	if !reflect.DeepEqual(first, second) {
		t.Errorf("apart from events, the first manifest is %+v\nthe second %+v", first, second)
	}
}
