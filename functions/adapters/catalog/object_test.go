package catalog_test

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/infra/local/moto/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }

var buckets atomic.Int64 // that the client made

// This checks the conditions of reads and writes against moto's S3.
func TestObject(t *testing.T) {
	client := s3.NewFromConfig(mototest.Config(t), func(o *s3.Options) {
		o.UsePathStyle, o.DisableLogOutputChecksumValidationSkipped = true, true
	})
	// The bucket is new for each test, even if the test runs again in the same
	// process.
	bucket := aws.String(fmt.Sprint("catalog-", buckets.Add(1)))
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	o := catalog.Object{Client: client, Bucket: *bucket}
	expect := func(what string, err error, code access.Code) {
		t.Helper()
		if access.CodeOf(err) != code {
			t.Fatalf("%s: got %v, want code %q", what, err, code)
		}
	}
	_, _, err := o.Get(t.Context(), "")
	expect("read before there is one", err, access.CodeNotFound)

	one, two := small("one"), small("two")
	two.ManagementAccount = "999999999999" // one was written by the first release
	two.Units = map[string][]string{"ou-a": {"111111111111"}, "ou-gone": {}}
	one.NamedAt["arn:ps/1"], two.NamedAt["arn:ps/1"] = start, start.Add(time.Minute)
	expect("write the first", o.Put(t.Context(), one, ""), "")
	expect("write the first again", o.Put(t.Context(), two, ""), access.CodeLost)
	got, version, err := o.Get(t.Context(), "")
	expect("read", err, "")
	if !reflect.DeepEqual(got, one) || version == "" {
		t.Errorf("got %+v %q, want %+v", got, version, one)
	}
	got, same, err := o.Get(t.Context(), version)
	expect("read what is known", err, "")
	if got != nil || same != version {
		t.Errorf("got %+v %q, want nothing new", got, same)
	}
	expect("replace", o.Put(t.Context(), two, version), "")
	expect("replace what was replaced", o.Put(t.Context(), one, version), access.CodeLost)
	got, newer, err := o.Get(t.Context(), version)
	expect("read the new one", err, "")
	if !reflect.DeepEqual(got, two) || newer == version {
		t.Errorf("got %+v %q, want %+v", got, newer, two)
	}

	_, _, err = o.GetPartial(t.Context(), "")
	expect("read partial lists before there are any", err, access.CodeNotFound)
	for _, accounts := range []int{1, 2} {
		partial := &catalog.Partial{
			At: start, Accounts: make([]access.Account, accounts), PermissionSets: []access.PermissionSet{{ARN: "arn:ps/1", Name: "ReadOnly"}},
			Groups: []access.Group{}, HasAllGroups: true, ManagementAccount: "999999999999",
		}
		expect("write partial lists", o.PutPartial(t.Context(), partial), "")
		got, version, err := o.GetPartial(t.Context(), "")
		expect("read partial lists", err, "")
		if !reflect.DeepEqual(got, partial) {
			t.Errorf("got %+v, want %+v", got, partial)
		}
		if got, _, err = o.GetPartial(t.Context(), version); got != nil || err != nil {
			t.Errorf("read known partial lists: %+v, %v", got, err)
		}
	}
	if got, _, err := o.Get(t.Context(), ""); err != nil || !reflect.DeepEqual(got, two) {
		t.Errorf("partial lists changed the snapshot: %+v, %v", got, err)
	}

	for what, body := range map[string]string{"no gzip": "{}", "nothing": ""} {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(catalog.Key), Body: bytes.NewReader([]byte(body))}); err != nil {
			t.Fatal(err)
		}
		_, version, err := o.Get(t.Context(), newer)
		expect(what, err, access.CodeInvalid)
		if version == "" {
			t.Errorf("%s: no version; it could not be replaced", what)
		}
		expect("replace "+what, o.Put(t.Context(), one, version), "")
	}
	_, _, err = catalog.Object{Client: client, Bucket: "nobody-has-this"}.Get(t.Context(), "")
	expect("no bucket", err, access.CodeMisconfigure)
}

// The index of emails is a separate object with the same conditions.
func TestObjectOfEmails(t *testing.T) {
	client := s3.NewFromConfig(mototest.Config(t), func(o *s3.Options) {
		o.UsePathStyle, o.DisableLogOutputChecksumValidationSkipped = true, true
	})
	bucket := aws.String(fmt.Sprint("catalog-", buckets.Add(1)))
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	o := catalog.Object{Client: client, Bucket: *bucket}
	expect := func(what string, err error, code access.Code) {
		t.Helper()
		if access.CodeOf(err) != code {
			t.Fatalf("%s: got %v, want code %q", what, err, code)
		}
	}
	_, _, err := o.GetEmails(t.Context(), "")
	expect("read before there is one", err, access.CodeNotFound)
	one, two := catalog.NewEmails(nil), catalog.NewEmails([]access.User{{ID: "u-1", Emails: []string{"Grace@example.com"}}})
	expect("write the first", o.PutEmails(t.Context(), one, ""), "")
	expect("write the first again", o.PutEmails(t.Context(), two, ""), access.CodeLost)
	got, version, err := o.GetEmails(t.Context(), "")
	expect("read", err, "")
	if !reflect.DeepEqual(got, one) || version == "" {
		t.Errorf("got %+v %q, want %+v", got, version, one)
	}
	expect("replace", o.PutEmails(t.Context(), two, version), "")
	expect("replace what was replaced", o.PutEmails(t.Context(), one, version), access.CodeLost)
	got, newer, err := o.GetEmails(t.Context(), version)
	expect("read the new one", err, "")
	if !reflect.DeepEqual(got, two) || newer == version {
		t.Errorf("got %+v %q, want %+v", got, newer, two)
	}
	got, same, err := o.GetEmails(t.Context(), newer)
	expect("read what is known", err, "")
	if got != nil || same != newer {
		t.Errorf("got %+v %q, want nothing new", got, same)
	}
	for _, body := range []string{"", "emails 2\n", "emails 1\ngrace@example.com u-"} {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(catalog.EmailsKey), Body: bytes.NewReader([]byte(body))}); err != nil {
			t.Fatal(err)
		}
		_, version, err := o.GetEmails(t.Context(), "")
		expect(body, err, access.CodeInvalid)
		expect("replace "+body, o.PutEmails(t.Context(), one, version), "")
	}
}

func TestGetNames(t *testing.T) {
	client := s3.NewFromConfig(mototest.Config(t), func(o *s3.Options) {
		o.UsePathStyle, o.DisableLogOutputChecksumValidationSkipped = true, true
	})
	o := catalog.Object{Client: client, Bucket: fmt.Sprint("catalog-", buckets.Add(1))}
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &o.Bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.GetNames(t.Context()); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("a catalog that is not there: %v", err)
	}
	err := o.Put(t.Context(), &catalog.Snapshot{
		ManagementAccount: "999999999999",
		AccountsAt:        start.Add(time.Minute), Accounts: []access.Account{{ID: "111122223333", Name: "shop"}},
		PermissionSetsAt: start, PermissionSets: []access.PermissionSet{{ARN: "arn:ps", Name: "Admin"}}, NamedAt: map[string]time.Time{"arn:ps": start},
		GroupsAt: start.Add(time.Hour), Groups: []access.Group{{ID: "g", Name: "Deployers"}},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &o.Bucket, Key: aws.String(catalog.Key)})
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Names{ReadAt: start, Bytes: aws.ToInt64(head.ContentLength), ManagementAccount: "999999999999",
		Accounts: map[string]string{"111122223333": "shop"}, PermissionSets: map[string]string{"arn:ps": "Admin"}, Groups: map[string]string{"g": "Deployers"}}
	if got, err := o.GetNames(t.Context()); !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("the names are %+v, want %+v, %v", got, want, err)
	}
}
