package main

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"sso-elevator/infra/settings"
)

const (
	identityCenterKey = "arn:aws:kms:eu-west-1:999999999999:key/01234567-89ab-cdef-0123-456789abcdef"
	existingBucketKey = "arn:aws:kms:eu-central-1:222222222222:key/01234567-89ab-cdef-0123-456789abcdef"
)

// existingBucketStack writes its records to an existing bucket, which has its own
// key. Its settings don't name the instance of Identity Center.
var existingBucketStack = sync.OnceValues(func() (*synthesized, error) {
	s, err := settings.Load("testdata/elevator.yaml")
	if err != nil {
		return nil, err
	}
	s.ExistingAuditBucket, s.ExistingAuditKeyARN = "company-audit", existingBucketKey
	s.IdentityCenterKeyARN, s.SSOInstanceARN = identityCenterKey, ""
	s.SlackSigningSecrets = []settings.SecretRef{{Store: s.SlackBotToken.Store, Name: "/sso-elevator/slack-signing-secret"}} // as the bot's token, a parameter
	return synthesizeStack(s, false)
})

func existingBucketTemplate(t *testing.T) template {
	t.Helper()
	made, err := existingBucketStack()
	if err != nil {
		t.Fatal(err)
	}
	return made.template
}

// usesOf returns what a function may do with a key, and when, each as "action,
// where test key value".
func usesOf(t *testing.T, tpl template, function, key string) []string {
	t.Helper()
	var uses []string
	for _, s := range statementsOf(t, tpl, function) {
		if !slices.Contains(s.resources, key) {
			continue
		}
		var where []string
		for test, keys := range s.Condition {
			for name, values := range keys {
				where = append(where, test+" "+name+" "+strings.Join(values, " "))
			}
		}
		slices.Sort(where)
		uses = append(uses, strings.Join(append(s.Action, where...), ", "))
	}
	slices.Sort(uses)
	return uses
}

// TestIdentityCenterKey checks that functions that call Identity Center or the
// identity store may decrypt with their key: only through that service, for this
// instance and this organization's store. Other functions can't, and without the
// setting none can.
func TestIdentityCenterKey(t *testing.T) {
	const (
		anyInstance = "kms:Decrypt, StringEquals kms:ViaService sso.eu-west-1.<AWS::URLSuffix>, StringLike kms:EncryptionContext:aws:sso:instance-arn arn:<AWS::Partition>:sso:::instance/*"
		oneInstance = "kms:Decrypt, StringEquals kms:EncryptionContext:aws:sso:instance-arn arn:aws:sso:::instance/ssoins-1234567890abcdef, StringEquals kms:ViaService sso.eu-west-1.<AWS::URLSuffix>"
		store       = "kms:Decrypt, StringEquals kms:ViaService identitystore.eu-west-1.<AWS::URLSuffix>, StringLike kms:EncryptionContext:aws:identitystore:identitystore-arn arn:<AWS::Partition>:identitystore::999999999999:identitystore/*"
	)
	for name, test := range map[string]struct {
		template template
		instance string
	}{
		"any instance": {existingBucketTemplate(t), anyInstance},
		"one instance": {protectedTemplate(t), oneInstance},
	} {
		t.Run(name, func(t *testing.T) {
			for _, function := range functionNames {
				asks := func(service string) bool {
					return slices.ContainsFunc(test.template.statements(t, function), func(s statement) bool {
						return slices.ContainsFunc(s.Action, func(action string) bool { return strings.HasPrefix(action, service+":") })
					})
				}
				var want []string
				if asks("identitystore") {
					want = append(want, store)
				}
				if asks("sso") {
					want = append(want, test.instance)
				}
				slices.Sort(want)
				if slices.Contains([]string{"await", "notify", "audit"}, function) != (len(want) == 0) {
					t.Errorf("%s asks by %q", function, want)
				}
				if got := usesOf(t, test.template, function, identityCenterKey); !slices.Equal(got, want) {
					t.Errorf("%s may use the key by\n%q, want\n%q", function, got, want)
				}
			}
		})
	}
	for _, function := range functionNames {
		for _, s := range statementsOf(t, sharedStack(t).template, function) {
			for _, keys := range s.Condition {
				for name := range keys {
					if strings.Contains(name, "aws:sso") || strings.Contains(name, "identitystore") {
						t.Errorf("without the setting %s has %v", function, s)
					}
				}
			}
		}
	}
}

// TestExistingBucketKey checks that the function that writes records may use the
// existing bucket's key, through S3, for its records. No other function may, and
// without the setting none may.
func TestExistingBucketKey(t *testing.T) {
	for _, function := range functionNames {
		var want []string
		if function == "audit" {
			want = []string{"kms:Decrypt, kms:GenerateDataKey, StringEquals kms:ViaService s3.<AWS::Region>.<AWS::URLSuffix>, " +
				"StringLike kms:EncryptionContext:aws:s3:arn arn:<AWS::Partition>:s3:::company-audit arn:<AWS::Partition>:s3:::company-audit/logs/* arn:<AWS::Partition>:s3:::company-audit/policies/*"}
		}
		if got := usesOf(t, existingBucketTemplate(t), function, existingBucketKey); !reflect.DeepEqual(got, want) {
			t.Errorf("%s may use the key by\n%q, want\n%q", function, got, want)
		}
		if got := usesOf(t, sharedStack(t).template, function, existingBucketKey); got != nil {
			t.Errorf("without the setting %s may use it by %q", function, got)
		}
	}
}
