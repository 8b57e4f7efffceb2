// Package settings reads elevator.yaml, which has all settings of a deployment. It
// checks the whole file before anything is built from it.
//
// One table of fields (fields.go, statement.go) is the source of the loader, of the
// JSON Schema for editors, and of the settings' documentation. If the Terraform module
// terraform-aws-sso-elevator has a setting too, its name and meaning are the same.
// Names in code call that module the reference.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings/policylint"
)

// Settings is the content of elevator.yaml, with defaults for settings it leaves
// out.
type Settings struct {
	NamePrefix   string // begins all names
	Architecture string // of the functions: "arm64" or "x86_64"

	SlackBotToken       SecretRef
	SlackSigningSecrets []SecretRef // one or two; a signature by any of them is valid
	SlackChannelID      string
	SlackTeamID         string
	SlackEnterpriseID   string // empty: the app is not installed for an enterprise
	SlackAppID          string

	APIGateway     bool    // Slack calls an HTTP API
	FunctionURL    bool    // the function ingress has its own URL
	APIName        string  // empty: <prefix>-slack
	SlackPerSecond float64 // the API's throttling: rate, and burst
	SlackAtOnce    int

	IngressFunctionName string // empty: <prefix>-ingress
	RevokeFunctionName  string // empty: <prefix>-revoke
	MemoryMiB           int    // of each function

	SSOInstanceARN string // empty: the functions find it
	SSORegion      string // empty: the stack's region

	// AccessPortalURL is the address of the access portal, without a slash at its end;
	// empty: the functions derive it, if they can.
	AccessPortalURL string

	// ManageManagementAccount gives grant and revoke the permissions that assignments to
	// the management account need, if the stack is deployed there.
	ManageManagementAccount bool

	IdentityCenterKeyARN string // encrypts Identity Center's data; empty: a key of AWS

	PermissionsBoundary string // ARN of every role's boundary; empty: none
	KMSKeyARN           string // of a customer managed key; empty: keys of AWS
	IngressReserved     int    // instances of ingress; 0: none
	RevokeReserved      int    // instances of revoke; 0: none

	AlarmEmail string // empty: nobody is subscribed to the alarms

	MaxOpenRequests     int           // undecided requests of one person; at least 1
	RequestExpiration   time.Duration // 0: 300 days
	ConfirmApprovals    bool          // every one, not only where the policy says so
	DenyReason          string        // "optional", "required" or "off"
	DenyCooldown        time.Duration // 0: none
	ExtensionOffer      time.Duration // 0: no offers
	ReminderInitialWait time.Duration // 0: no reminders
	ReminderMultiplier  float64       // at least 1

	// Durations are the offered durations: ascending, without duplicates, 1 to 100 of
	// them.
	Durations []time.Duration

	SecondaryFallbackDomains []string // lower case, without "@"
	SendDM                   bool     // to requesters outside the channel
	// ApproverGroupMentions are the ids of Slack user groups to mention, by the lower-case id
	// of the Identity Center group.
	ApproverGroupMentions map[string]string
	PostRevoke            bool // post in Slack that access has ended

	AuditBucketName     string // of the bucket to create; empty: CloudFormation chooses
	ExistingAuditBucket string // used instead of a new bucket
	ExistingAuditKeyARN string // encrypts that bucket; empty: no key that needs permissions
	AuditPrefix         string // without slashes at its ends; empty: the bucket's root
	ObjectLock          bool
	ObjectLockMode      string // "GOVERNANCE" or "COMPLIANCE"; set if ObjectLock is
	ObjectLockDays      int    // at least 1 if ObjectLock is set
	MFADelete           bool   // wanted; CloudFormation can't turn it on
	AuditLogBucket      string // where S3 logs access to the audit bucket; empty: nowhere
	AuditLogPrefix      string // prefix of the logs' keys, unchanged
	Athena              bool   // a table over the records

	LogLevel         string // "DEBUG", "INFO", "WARN" or "ERROR", as in log/slog
	LogRetentionDays int    // a number that CloudWatch Logs accepts; 0: for ever
	Tags             map[string]string

	RetryInterval     time.Duration // first wait of a task's retry; whole seconds, at least 1
	RetryMaxDelay     time.Duration // longest wait between two tries; whole seconds
	RevokeRetryWait   time.Duration // between rounds of a failing removal
	AnnounceRetryWait time.Duration // between attempts to announce a request

	CatalogRefresh    time.Duration // between two refreshes of the catalog; at least a minute
	CatalogBucketName string        // empty: CloudFormation chooses

	// When unknown access is reported, and when it is removed. The schedules are
	// expressions of package schedule; empty means never. Each schedule has a name of its
	// own.
	WarnSchedule       string
	WarnScheduleName   string
	RevokeSchedule     string
	RevokeScheduleName string

	ScheduleGroup string // of all schedules, to be created; empty: the default group
	ScheduleRole  string // name of the role that starts both; empty: CloudFormation chooses

	AllowRemovals bool          // false: runs of the reconciliation only report
	MaxRemovals   int           // within 24 hours without a person's consent; 0: none
	QuestionWait  time.Duration // for that consent; whole seconds, at least 1
	DriftEvents   bool          // check when CloudTrail reports a change

	Policy access.Policy

	// Warnings are about valid settings that mean something else in the Terraform module,
	// and about policies that someone should review. They are sorted by line, each as
	// "file:line: path: text".
	Warnings []string
	// Notices are the same, but about settings that can be exactly what was meant, and that
	// no other spelling could confirm.
	Notices []string

	maxDuration  time.Duration   // Durations are made from this
	durationList []time.Duration // or are these instead
	objectLock   objectLock
	accessLogs   accessLogs

	warnScheduleAlias, revokeScheduleAlias string // from the settings' other spellings
}

// PolicyJSON returns the policy in the form that the functions read. The same
// settings always give the same bytes.
func (s *Settings) PolicyJSON() []byte {
	b, err := json.Marshal(s.Policy)
	if err != nil {
		panic(fmt.Sprintf("marshal policy: %v", err)) // it has only strings and booleans
	}
	return b
}

// SecretStore is where AWS keeps a secret.
type SecretStore string

const (
	ParameterStore SecretStore = "ssm"            // a SecureString parameter
	SecretsManager SecretStore = "secretsmanager" // a secret's string value
)

// SecretRef names a secret. It is never the secret itself.
type SecretRef struct {
	Store SecretStore
	Name  string // "/path/name" of a parameter; name or ARN of a secret
}

// String returns the form that the functions read: "ssm:/name",
// "secretsmanager:name".
func (r SecretRef) String() string { return string(r.Store) + ":" + r.Name }

// Load reads the settings of a deployment. It returns an error of reading the file,
// or Mistakes with everything that is wrong in it.
func Load(path string) (*Settings, error) {
	data, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse does the same as Load, with data as the content of file.
func Parse(file string, data []byte) (*Settings, error) { return parse(file, data, false) }

// LoadPolicy reads the policy alone: only config or group_config must be there, but
// everything that is there must be right. Errors are those of Load. Warnings are
// only about the policy, and include notices.
func LoadPolicy(path string) (policy access.Policy, warnings []string, err error) {
	data, err := readConfig(path)
	if err != nil {
		return access.Policy{}, nil, err
	}
	return ParsePolicy(path, data)
}

func readConfig(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read settings: %w. To begin, copy elevator.example.yaml to elevator.yaml and edit it (docs/start/deploy.md)", err)
	case err != nil:
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return data, nil
}

// ParsePolicy does the same as LoadPolicy, with data as the content of file.
func ParsePolicy(file string, data []byte) (policy access.Policy, warnings []string, err error) {
	s, err := parse(file, data, true)
	if err != nil {
		return access.Policy{}, nil, err
	}
	return s.Policy, append(s.Warnings, s.Notices...), nil
}

func parse(file string, data []byte, policyOnly bool) (*Settings, error) {
	root, err := parseDocument(file, data)
	if err != nil {
		return nil, err
	}
	r := &reader{policyOnly: policyOnly, keys: map[string]int{}}
	s, _ := settingsKind.read(r, root, "")
	s.complete(r, root)
	if len(r.mistakes) > 0 {
		return nil, newMistakes(file, r.mistakes)
	}
	lint := s.linter(r)
	r.warnOfPolicy(lint.CompareWithReference())
	s.compareWithReference(r)
	r.warnOfPolicy(lint.Check())
	s.warnOfRemovals(r)
	s.warnOfMentions(r)
	s.warnOfResponders(r)
	s.warnOfRecords(r, root)
	slices.SortStableFunc(r.warnings, compareLines)
	slices.SortStableFunc(r.notices, compareLines)
	s.Warnings, s.Notices = formatLines(file, r.warnings), formatLines(file, r.notices)
	return &s, nil
}

// linter returns a Linter for the policy that was read.
func (s *Settings) linter(r *reader) *policylint.Linter {
	removals := s.RevokeSchedule
	if !s.AllowRemovals {
		removals = ""
	}
	return policylint.New(policylint.Settings{
		Policy: s.Policy, RemovalSchedule: removals, ShortestDuration: s.Durations[0],
		HasValue: func(path string) bool { _, given := r.keys[path]; return given },
	})
}

// warnOfPolicy records warnings and notices about statements. Each gets the line of its key, or
// of the statement if the key is left out.
func (r *reader) warnOfPolicy(warnings []policylint.Warning) {
	for _, w := range warnings {
		line := r.keys[w.Path]
		if line == 0 {
			statement, _, _ := strings.Cut(w.Path, ".")
			line = r.keys[statement]
		}
		to := &r.warnings
		if w.IsNotice {
			to = &r.notices
		}
		*to = append(*to, Mistake{Line: max(line, 1), Path: w.Path, Text: w.Text})
	}
}
