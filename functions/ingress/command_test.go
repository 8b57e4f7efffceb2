package ingress

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

type failingGet struct {
	*world
	id string
}

func (f failingGet) Get(ctx context.Context, id string) (access.Request, error) {
	if id == f.id {
		return access.Request{}, access.Errorf(access.CodeUnavailable, "no answer")
	}
	return f.world.Get(ctx, id)
}

// typed is a slash command with the words after it.
func typed(command, user, words string) string {
	return url.Values{
		"command": {command}, "text": {words}, "team_id": {"T1"}, "team_domain": {"example"}, "api_app_id": {"A1"}, "user_id": {user},
		"trigger_id": {"t-1"}, "channel_id": {"C1"}, "response_url": {"https://hooks.slack.com/commands/1"},
	}.Encode()
}

// shop is an organization with names that share words.
type shop struct{ catalog.Store }

func (shop) Get(context.Context, string) (*catalog.Snapshot, string, error) {
	s := &catalog.Snapshot{
		Accounts: []access.Account{
			{ID: "100000000001", Name: "shop-production"}, {ID: "100000000002", Name: "shop-production-eu"}, {ID: "100000000003", Name: "shop-staging"},
			{ID: "100000000004", Name: "bank-production"}, {ID: "100000000005", Name: "secret-production"},
		},
		PermissionSets: []access.PermissionSet{
			{ARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-1", Name: "Admin"}, {ARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-2", Name: "AdminLight"},
			{ARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-3", Name: "ReadOnly"}, {ARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-4", Name: "Rooted"},
		},
		Groups: []access.Group{{ID: "g-1", Name: "Auditors"}, {ID: "g-2", Name: "Audit managers"}, {ID: "g-3", Name: "Audit secrets"}},
	}
	for i := range 150 {
		s.Accounts = append(s.Accounts, access.Account{ID: fmt.Sprintf("2000000%05d", i), Name: fmt.Sprintf("team-%03d", i)})
	}
	return s, "1", nil
}

func shopWorld() *world {
	w := newWorld()
	accounts := []string{"100000000001", "100000000002", "100000000003", "100000000004"}
	w.policy = access.Policy{
		Accounts: []access.Statement{
			{Resources: accounts, PermissionSets: []string{"Admin", "AdminLight"}, Approvers: []string{"ann@example.com"}},
			{Resources: accounts[:1], PermissionSets: []string{"ReadOnly"}, Approvers: []string{"ann@example.com"}},
		},
		Groups: []access.Statement{{Resources: []string{"g-1", "g-2"}, Approvers: []string{"ann@example.com"}}},
	}
	team := access.Statement{PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com"}}
	for i := range 150 {
		team.Resources = append(team.Resources, fmt.Sprintf("2000000%05d", i))
	}
	w.policy.Accounts = append(w.policy.Accounts, team)
	return w
}

func (w *world) shopHandler() *Handler {
	h := w.handler()
	h.Catalog = &catalog.Catalog{Store: shop{}, Now: h.Now, Logger: h.Logger}
	return h
}

func TestWordsChoose(t *testing.T) {
	const nothing = "Nothing that you can request matches “%s”. Choose from the list."
	for _, test := range []struct {
		words        string
		account, set string // of the names that are chosen
		note         string
		group        bool
		chosen       string // group
	}{
		{words: "staging", account: "shop-staging"},
		{words: "STAG  shop", account: "shop-staging"},
		{words: "100000000004", account: "bank-production"},
		{words: "prod", note: "3 accounts match “prod”. Choose one."},
		{words: "team", note: "More than 100 accounts match “team”. Choose one."},
		{words: "shop-production", account: "shop-production"}, // and not the one whose name begins so
		{words: "production eu", account: "shop-production-eu"},
		{words: "secret", note: fmt.Sprintf(nothing, "secret")},
		{words: "nowhere", note: fmt.Sprintf(nothing, "nowhere")},
		{words: "staging light", account: "shop-staging", set: "AdminLight"},
		{words: "staging admin", account: "shop-staging", set: "Admin"}, // and not AdminLight
		{words: "prod eu light admin", account: "shop-production-eu", set: "AdminLight"},
		{words: "staging readonly", note: fmt.Sprintf(nothing, "staging readonly")},
		{words: "prod readonly", account: "shop-production", set: "ReadOnly"},
		{words: "staging ad", account: "shop-staging", note: "2 permission sets match “staging ad”. Choose one."},
		{words: "prod light", set: "AdminLight", note: "3 accounts match “prod light”. Choose one."},
		{words: "prod ad", note: "Several accounts and permission sets match “prod ad”. Choose one."},
		{words: "team admin", note: "Many accounts match “team admin”. Choose one."},
		{words: "team-007 admin", account: "team-007", set: "Admin"},
		{words: "readonly", set: "ReadOnly"},
		{words: "admin", set: "Admin"},
		{words: "ad", note: "3 permission sets match “ad”. Choose one."},
		{words: "rooted", note: fmt.Sprintf(nothing, "rooted")},
		{words: "a b c d e f g admin", note: fmt.Sprintf(nothing, "a b c d e f g admin")},
		{words: "help me", note: fmt.Sprintf(nothing, "help me")},
		{words: "*x* &lt;!channel&gt; &amp;amp;", note: fmt.Sprintf(nothing, "*x* <!channel> &amp;")},
		{words: "\u202Estaging\u202C", account: "shop-staging"},
		{words: strings.Repeat("x", 200), note: fmt.Sprintf(nothing, strings.Repeat("x", 150))},
		{group: true, words: "auditors", chosen: "Auditors"},
		{group: true, words: "managers AUDIT", chosen: "Audit managers"},
		{group: true, words: "audit", note: "2 groups match “audit”. Choose one."},
		{group: true, words: "secrets", note: fmt.Sprintf(nothing, "secrets")},
	} {
		t.Run(test.words, func(t *testing.T) {
			w, command, kind := shopWorld(), "/access", access.KindAccount
			if test.group {
				command, kind = "/group-access", access.KindGroup
			}
			got, err := handle(t, w.shopHandler(), sign(typed(command, "UJANE", test.words), now))
			if err != nil || got.StatusCode != http.StatusOK || got.Body != "" || len(w.views) != 2 {
				t.Fatalf("got %+v, %v, views %+v", got, err, w.views)
			}
			f := slack.Form{Kind: kind, Chosen: access.Target{Kind: kind}, Durations: offered, Note: test.note}
			s, _, _ := shop{}.Get(t.Context(), "")
			for _, a := range s.Accounts {
				if a.Name == test.account {
					f.Chosen.AccountID, f.Chosen.AccountName = a.ID, a.Name
				}
			}
			for _, p := range s.PermissionSets {
				if p.Name == test.set {
					f.Chosen.PermissionSetARN, f.Chosen.PermissionSet = p.ARN, p.Name
				}
			}
			for _, g := range s.Groups {
				if g.Name == test.chosen {
					f.Chosen.GroupID, f.Chosen.GroupName = g.ID, g.Name
				}
			}
			if test.account != "" && test.set != "" || test.chosen != "" {
				f.Preview = "Approvers (any one can approve): ann@example.com"
			}
			want := []shown{{trigger: "t-1", view: slack.LoadingView(kind)}, {id: "V1", hash: "h1", view: slack.FormView(f)}}
			if !reflect.DeepEqual(w.views, want) {
				got, _ := json.Marshal(w.views[1].view)
				wanted, _ := json.Marshal(want[1].view)
				t.Errorf("got\n%s, want\n%s", got, wanted)
			}
		})
	}
}

func TestWordsWithoutAnAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		user   string
		want   slackgo.ModalViewRequest
	}{
		"a guest": {user: "UGUEST", want: slack.NoticeView("Sorry", "No guests.")},
		"no policy": {change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want: form(access.KindAccount, access.Target{Kind: access.KindAccount}, "Something went wrong. Please try again in a moment.")},
		"no catalog": {change: func(w *world) { w.catalogErr = access.Errorf(access.CodeNotFound, "no object") },
			want: form(access.KindAccount, access.Target{Kind: access.KindAccount}, "The list is being prepared. Please try again in a minute.")},
	} {
		w, user := newWorld(), "UJANE"
		if test.change != nil {
			test.change(w)
		}
		if test.user != "" {
			user = test.user
		}
		w.send(t, typed("/access", user, "prod"))
		if len(w.views) != 2 || !reflect.DeepEqual(w.views[1].view, test.want) {
			t.Errorf("%s: views %+v", name, w.views)
		}
	}
}

func TestHelpAndList(t *testing.T) {
	ephemeral := func(text string) string { return ephemeralResponse(text).Body }
	list := func(l slack.AccessList) string { return string(slack.AccessListResponse(l)) }
	granted := active()
	granted.ID = "r2"
	for _, test := range []struct {
		name, command, user, words string
		change                     func(*world)
		want                       string
	}{
		{name: "help", command: "/access", words: "help", want: ephemeral(slack.CommandHelp)},
		{name: "help about groups", command: "/group-access", words: " HELP ", want: ephemeral(slack.CommandHelp)},
		{name: "help for a guest", command: "/access", user: "UGUEST", words: "help", want: ephemeral(slack.CommandHelp)},
		{name: "list", command: "/access", words: "list", want: list(slack.AccessList{Active: []access.Request{granted}, Pending: []access.Request{waiting()}})},
		{name: "list of groups", command: "/group-access", words: "List", want: list(slack.AccessList{Active: []access.Request{granted}, Pending: []access.Request{waiting()}})},
		{name: "list of extended access", command: "/access", words: "list", change: func(w *world) {
			first, extension := w.rows["r2"], active()
			extension.ID, extension.Extends, extension.End = "r3", "r2", first.End.Add(time.Hour)
			w.rows["r3"] = extension
		}, want: func() string {
			extension := active()
			extension.ID, extension.Extends, extension.End = "r3", "r2", granted.End.Add(time.Hour)
			return list(slack.AccessList{Active: []access.Request{extension}, Pending: []access.Request{waiting()}})
		}()},
		{name: "nothing to list", command: "/access", user: "UBOB", words: "list", want: list(slack.AccessList{})},
		{name: "long list", command: "/access", words: "list", change: func(w *world) {
			w.rows = map[string]access.Request{}
			for i := range 25 {
				id := fmt.Sprintf("r%02d", i)
				w.rows[id] = inState(id, func(r *access.Request) { r.CreatedAt = now.Add(-time.Duration(i) * time.Minute) })
			}
		}, want: func() string {
			l := slack.AccessList{More: 5}
			for i := range 20 {
				l.Pending = append(l.Pending, inState(fmt.Sprintf("r%02d", i), func(r *access.Request) { r.CreatedAt = now.Add(-time.Duration(i) * time.Minute) }))
			}
			return list(l)
		}()},
		{name: "list for a guest", command: "/access", user: "UGUEST", words: "list", want: ephemeral("No guests.")},
		{name: "no people", command: "/access", words: "list", change: func(w *world) { w.peopleErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want: ephemeral("Something went wrong. Please try again in a moment.")},
		{name: "no index", command: "/access", words: "list", change: func(w *world) { w.indexErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want: ephemeral("Something went wrong. Please try again in a moment.")},
		{name: "an unknown command", command: "/other", words: "help",
			want: ephemeral("This app doesn't know this command or shortcut. To request access, use /access or /group-access.")},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, user := newWorld(), "UJANE"
			w.rows["r1"], w.rows["r2"] = waiting(), granted
			if test.change != nil {
				test.change(w)
			}
			if test.user != "" {
				user = test.user
			}
			if got := w.send(t, typed(test.command, user, test.words)); got.StatusCode != http.StatusOK || got.Body != test.want {
				t.Errorf("got  %d %s\nwant %s", got.StatusCode, got.Body, test.want)
			}
			if len(w.views) > 0 {
				t.Errorf("views %+v", w.views)
			}
		})
	}
}
