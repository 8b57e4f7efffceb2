package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// fakeEmails keeps one index and counts the calls.
type fakeEmails struct {
	index          *catalog.Emails // nil if there is none
	version        int
	getErr, putErr error
	gets, puts     int
}

func (f *fakeEmails) GetEmails(_ context.Context, version string) (*catalog.Emails, string, error) {
	f.gets++
	now := fmt.Sprint("v", f.version)
	switch {
	case f.getErr != nil:
		return nil, now, f.getErr
	case f.index == nil:
		return nil, "", access.Errorf(access.CodeNotFound, "there is none")
	case version == now:
		return nil, version, nil
	}
	return f.index, now, nil
}

func (f *fakeEmails) PutEmails(_ context.Context, e *catalog.Emails, version string) error {
	if f.putErr != nil {
		return f.putErr
	}
	if (f.index != nil || f.getErr != nil) && version != fmt.Sprint("v", f.version) || f.index == nil && f.getErr == nil && version != "" {
		return access.Errorf(access.CodeLost, "there is another one")
	}
	f.puts++
	f.version++
	f.index = e
	return nil
}

func user(id string, emails ...string) access.User {
	return access.User{ID: id, UserName: "name of " + id, Emails: emails}
}

func TestEmails(t *testing.T) {
	e := catalog.NewEmails([]access.User{
		user("u-lower", "alice@example.com"),
		user("u-capital", "Grace.Hopper@Example.com"),
		user("u-one", "Bob@example.com"), user("u-two", "bob@example.com"), user("u-three", "BOB@example.com", "bob@EXAMPLE.com"),
		user("u-kelvin", "\u212aim@example.com", "Kim@example.com"), // the first email is not ASCII
		user("u-several", "x@example.com", "Y@example.com"),
		user("u-odd", "Two Words@example.com", "Line\nbreak@example.com", ""),
		user("u odd", "Odd@example.com"),
		user("u-none"),
	})
	for email, want := range map[string]string{
		"alice@example.com":        "u-lower",
		"grace.hopper@example.com": "u-capital",
		"GRACE.hopper@Example.COM": "u-capital",
		"hopper@example.com":       "",
		"grace.hopper@example.co":  "",
		"bob@example.com":          "u-one u-three u-two",
		"kim@example.com":          "u-kelvin",
		"\u212aim@example.com":     "",
		"x@example.com":            "u-several",
		"y@example.com":            "u-several",
		"words@example.com":        "",
		"break@example.com":        "",
		"odd@example.com":          "",
		"u-capital":                "",
		"emails":                   "",
		"":                         "",
		"y@example.com u-several":  "",
	} {
		if got := strings.Join(e.IDs(email), " "); got != want {
			t.Errorf("%q leads to %q, want %q", email, got, want)
		}
	}
	if e.Len() != 6 {
		t.Errorf("%d emails, want 6", e.Len())
	}
	var shared []string
	for email, ids := range e.Shared {
		shared = append(shared, email+" "+strings.Join(ids, " "))
	}
	if want := []string{"bob@example.com u-one u-three u-two"}; !slices.Equal(shared, want) {
		t.Errorf("shared are %q, want %q", shared, want)
	}
	if none := catalog.NewEmails(nil); none.Len() != 0 || none.IDs("alice@example.com") != nil {
		t.Errorf("an index of nobody has %d", none.Len())
	}
}

// TestRefreshOfEmails checks that the index is written when it changes, and left alone
// if not all users can be listed.
func TestRefreshOfEmails(t *testing.T) {
	grace, twin := user("u-1", "Grace@example.com"), user("u-2", "grace@example.com")
	pages := [][]access.User{{grace}, {user("u-3", "bob@example.com")}}
	tests := []struct {
		name     string
		change   func(*organization)
		want     []string // the user who has grace@example.com
		wantPuts int
		wantCode access.Code
		wantLog  string
	}{
		{name: "nothing has changed", want: []string{"u-1"}},
		{name: "somebody without an email came", change: func(o *organization) { o.users = append(pages, []access.User{user("u-4")}) }, want: []string{"u-1"}},
		{name: "somebody else came", change: func(o *organization) { o.users = append(pages, []access.User{user("u-4", "dave@example.com")}) }, want: []string{"u-1"}, wantPuts: 1},
		{name: "two share it", change: func(o *organization) { o.users = append(pages, []access.User{twin}) }, want: []string{"u-1", "u-2"}, wantPuts: 1,
			wantLog: `user_ids="[u-1 u-2]" user_names="[name of u-1 name of u-2]"`},
		{name: "nobody has it", change: func(o *organization) { o.users = pages[1:] }, wantPuts: 1},
		{name: "the second page can't be read", change: func(o *organization) { o.usersErr = outage; o.users = append(pages, []access.User{twin}) },
			want: []string{"u-1"}, wantCode: access.CodeUnavailable},
		{name: "S3 can't be read", change: func(o *organization) { o.emails.getErr = outage; o.users = pages[1:] }, want: []string{"u-1"}, wantCode: access.CodeUnavailable},
		{name: "S3 can't be written", change: func(o *organization) { o.emails.putErr = outage; o.users = pages[1:] }, want: []string{"u-1"}, wantCode: access.CodeUnavailable},
		{name: "another was faster", change: func(o *organization) {
			o.emails.putErr = access.Errorf(access.CodeLost, "412")
			o.users = pages[1:]
		}, want: []string{"u-1"}},
		{name: "what is there makes no sense", change: func(o *organization) { o.emails.getErr = access.Errorf(access.CodeInvalid, "no index") }, want: []string{"u-1"}, wantPuts: 1},
		{name: "the lists can't be read", change: func(o *organization) {
			o.accountsErr, o.setsErr, o.groupsErr = outage, outage, outage
			o.users = pages[1:]
		}, wantPuts: 1, wantCode: access.CodeUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now, o, store := start, tiny(), &fakeStore{}
			o.users = slices.Clip(pages)
			r := refresher(o, store, &now)
			var log bytes.Buffer
			r.Logger = slog.New(slog.NewTextHandler(&log, nil))
			if err := r.Refresh(t.Context()); err != nil || o.emails.puts != 1 {
				t.Fatalf("the first: %v, %d writes; want 1", err, o.emails.puts)
			}
			o.emails.puts = 0
			if test.change != nil {
				test.change(o)
			}
			now = now.Add(time.Hour)
			if err := r.Refresh(t.Context()); access.CodeOf(err) != test.wantCode {
				t.Errorf("got %v, want code %q", err, test.wantCode)
			}
			if got := o.emails.index.IDs("grace@example.com"); !slices.Equal(got, test.want) || o.emails.puts != test.wantPuts {
				t.Errorf("it leads to %q after %d writes, want %q after %d", got, o.emails.puts, test.want, test.wantPuts)
			}
			if !strings.Contains(log.String(), test.wantLog) || strings.Contains(log.String(), "same email") != (test.wantLog != "") {
				t.Errorf("the log says\n%s\nwant %q", &log, test.wantLog)
			}
			if strings.Contains(log.String(), "@") {
				t.Errorf("the log has an email: %s", &log)
			}
		})
	}
}

func TestEmailIndex(t *testing.T) {
	now := start
	store := &fakeEmails{}
	i := &catalog.EmailIndex{Store: store, Now: func() time.Time { return now }, Logger: quiet}
	has := func(want *catalog.Emails, gets int) {
		t.Helper()
		if got := i.Emails(t.Context()); got != want || store.gets != gets {
			t.Errorf("got %v in %d reads, want %v in %d", got, store.gets, want, gets)
		}
	}
	has(nil, 1)
	now = now.Add(catalog.CheckMissingEvery)
	one := catalog.NewEmails(nil)
	store.index = one
	has(one, 2)
	now = now.Add(catalog.CheckEvery - time.Second)
	two := catalog.NewEmails(nil)
	store.index, store.version = two, 1
	has(one, 2)
	now = now.Add(time.Second)
	store.getErr = outage
	has(one, 3)
	now = now.Add(catalog.CheckEvery)
	store.getErr = nil
	has(two, 4)
}

// whileReading is a store of emails that calls do during each read.
type whileReading struct {
	*fakeEmails
	do func()
}

func (w whileReading) GetEmails(ctx context.Context, version string) (*catalog.Emails, string, error) {
	w.do()
	return w.fakeEmails.GetEmails(ctx, version)
}

// A canceled read says nothing about the index, so the next caller reads it again.
func TestCanceledReadOfTheIndex(t *testing.T) {
	store := &fakeEmails{getErr: outage}
	ctx, cancel := context.WithCancel(t.Context())
	i := &catalog.EmailIndex{Store: whileReading{store, cancel}, Now: func() time.Time { return start }, Logger: quiet}
	if got := i.Emails(ctx); got != nil || store.gets != 1 {
		t.Errorf("got %v in %d reads, want none in 1", got, store.gets)
	}
	store.getErr, store.index = nil, catalog.NewEmails(nil)
	if got := i.Emails(t.Context()); got != store.index {
		t.Errorf("got %v in %d reads, want the index", got, store.gets)
	}
}

// Readers at the same time share one read. So it doesn't matter who begins it.
func TestIndexIsReadOnceAtATime(t *testing.T) {
	store := &fakeEmails{index: catalog.NewEmails(nil)}
	reading, others := make(chan struct{}), make(chan struct{})
	i := &catalog.EmailIndex{Store: whileReading{store, func() {
		close(reading)
		<-others
	}}, Now: func() time.Time { return start }, Logger: quiet}
	var wait sync.WaitGroup
	read := func() {
		if got := i.Emails(t.Context()); got != store.index {
			t.Errorf("got %v, want the index", got)
		}
	}
	wait.Go(read)
	<-reading
	var begun sync.WaitGroup
	for range 3 {
		begun.Add(1)
		wait.Go(func() {
			begun.Done()
			read()
		})
	}
	begun.Wait()
	close(others)
	wait.Wait()
	if store.gets != 1 {
		t.Errorf("%d reads, want 1", store.gets)
	}
}

// A reader that gives up doesn't take the index from those who wait for its read.
func TestReaderThatGivesUp(t *testing.T) {
	store := &fakeEmails{index: catalog.NewEmails(nil), getErr: outage}
	first, cancel := context.WithCancel(t.Context())
	reading, others := make(chan struct{}), make(chan struct{})
	var once sync.Once
	i := &catalog.EmailIndex{Store: whileReading{store, func() {
		once.Do(func() {
			close(reading)
			<-others
			cancel()
		})
		if first.Err() != nil && store.gets > 0 {
			store.getErr = nil // the second read succeeds
		}
	}}, Now: func() time.Time { return start }, Logger: quiet}
	var wait sync.WaitGroup
	wait.Go(func() { i.Emails(first) })
	<-reading
	wait.Go(func() {
		if got := i.Emails(t.Context()); got != store.index || store.gets != 2 {
			t.Errorf("got %v in %d reads, want the index in 2", got, store.gets)
		}
	})
	close(others)
	wait.Wait()
}

// With 50,000 users whose emails have capital letters, this measures the time to read
// and search the index at a cold start.
func BenchmarkEmails(b *testing.B) {
	var users []access.User
	for i := range 50_000 {
		users = append(users, user(fmt.Sprintf("%08x-3333-2222-1111-%012x", i, i), fmt.Sprintf("Firstname.Lastname%05d@corporation.example.com", i)))
	}
	e := catalog.NewEmails(users)
	for b.Loop() {
		if len(e.IDs("firstname.lastname49999@corporation.example.com")) != 1 {
			b.Fatal("not found")
		}
	}
}

// Listing many users takes minutes, and forms don't wait for it.
func TestSnapshotDoesNotWaitForUsers(t *testing.T) {
	now, o, store := start, tiny(), &fakeStore{}
	written := make(chan struct{})
	store.put = func() { close(written) }
	o.waitForUsers = func() error {
		select {
		case <-written:
			return nil
		case <-time.After(10 * time.Second):
			return access.Errorf(access.CodeUnavailable, "the snapshot was not written")
		}
	}
	if err := refresher(o, store, &now).Refresh(t.Context()); err != nil {
		t.Error(err)
	}
}
