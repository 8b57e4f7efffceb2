// Package settings reads elevator.yaml: everything that a deployment can be
// told, checked in full before anything is built from it.
//
// One table of fields (fields.go, statement.go) is the source of the loader,
// of the JSON Schema for editors and of the settings' documentation. Names and
// meanings are those of terraform-aws-sso-elevator where it has the setting;
// comments call it the reference.
package settings

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings/policylint"
)

// Settings is what elevator.yaml says, with the defaults where it is silent.
type Settings struct {
	NamePrefix   string // begins the name of everything that has one
	Architecture string // of the functions: "arm64" or "x86_64"

	SlackBotToken       SecretRef
	SlackSigningSecrets []SecretRef // any of which signs; one or two
	SlackChannelID      string
	SlackTeamID         string
	SlackEnterpriseID   string // empty: the app is not installed for an enterprise
	SlackAppID          string

	APIGateway     bool    // Slack calls an HTTP API
	FunctionURL    bool    // the function ingress has a URL of its own
	APIName        string  // empty: <prefix>-slack
	SlackPerSecond float64 // that the API lets through in the long run, and at once
	SlackAtOnce    int

	IngressFunctionName string // empty: <prefix>-ingress
	RevokeFunctionName  string // empty: <prefix>-revoke
	MemoryMiB           int    // of each function

	SSOInstanceARN string // empty: the functions find it
	SSORegion      string // empty: the region of the stack

	// ManageManagementAccount gives grant and revoke the rights that assignments
	// to the management account need, where the stack is deployed there.
	ManageManagementAccount bool

	IdentityCenterKeyARN string // of the key that encrypts Identity Center's data; empty: one of AWS's

	PermissionsBoundary string // ARN of the boundary of every role; empty: none
	KMSKeyARN           string // of a key of the customer's own; empty: AWS's keys
	IngressReserved     int    // instances of ingress that are kept for it; 0: none
	RevokeReserved      int    // the same of revoke

	AlarmEmail string // empty: nobody is subscribed to the alarms

	MaxOpenRequests     int           // undecided ones of one person; at least 1
	RequestExpiration   time.Duration // 0: 300 days
	ReminderInitialWait time.Duration // 0: no reminders
	ReminderMultiplier  float64       // at least 1

	// Durations are those a person can choose from: ascending, each once, at
	// least one, at most 100.
	Durations []time.Duration

	SecondaryFallbackDomains []string // lower case, without "@"
	SendDM                   bool     // to requesters outside the channel
	PostRevoke               bool     // say in Slack that access has ended

	AuditBucketName     string // of the bucket to make; empty: CloudFormation names it
	ExistingAuditBucket string // a bucket to use instead of making one
	ExistingAuditKeyARN string // of the key that encrypts that bucket; empty: one that needs no rights
	AuditPrefix         string // without slashes at its ends; empty: the bucket's root
	ObjectLock          bool
	ObjectLockMode      string // "GOVERNANCE" or "COMPLIANCE"; set if ObjectLock is
	ObjectLockDays      int    // at least 1 if ObjectLock is set
	MFADelete           bool   // wanted; CloudFormation can't turn it on
	AuditLogBucket      string // where S3 logs who uses the audit bucket; empty: nowhere
	AuditLogPrefix      string // as it stands before the logs' keys
	Athena              bool   // a table over the records

	LogLevel         string // "DEBUG", "INFO", "WARN" or "ERROR", as log/slog has them
	LogRetentionDays int    // a number that CloudWatch Logs takes; 0: for ever
	Tags             map[string]string

	RetryInterval     time.Duration // first wait of a task's retry; whole seconds, at least 1
	RetryMaxDelay     time.Duration // longest wait between two tries; whole seconds
	RevokeRetryWait   time.Duration // between rounds of a removal that fails
	AnnounceRetryWait time.Duration // between attempts to announce a request

	CatalogRefresh    time.Duration // between two refreshes of the catalog; at least a minute
	CatalogBucketName string        // empty: CloudFormation names it

	// When access that no request granted is told of, and when it is removed:
	// expressions of package schedule; empty: never. Each schedule has a name,
	// and no two of ours have the same.
	WarnSchedule       string
	WarnScheduleName   string
	RevokeSchedule     string
	RevokeScheduleName string

	ScheduleGroup string // of all schedules, to be made; empty: the default one
	ScheduleRole  string // the role's name that starts the two; empty: CloudFormation names it

	AllowRemovals bool          // false: runs of the reconciliation only report
	MaxRemovals   int           // within 24 hours without a person's consent; 0: none
	QuestionWait  time.Duration // for that person; whole seconds, at least 1
	DriftEvents   bool          // look when CloudTrail tells of a change

	Policy            access.Policy
	ProtectedAccounts []string // in which powerful access is power over this system

	// Warnings are what the file says that is right, but decides something
	// other than it would in the reference, or is a policy that somebody
	// should look at again: by line, each as "file:line: path: text".
	Warnings []string

	maxDuration  time.Duration   // what Durations are made of
	durationList []time.Duration // what they are instead
	objectLock   objectLock
	accessLogs   accessLogs

	warnScheduleAlias, revokeScheduleAlias string // under their other names
}

// PolicyJSON is the policy as the functions read it. The same settings give
// the same bytes.
func (s *Settings) PolicyJSON() []byte {
	b, err := json.Marshal(s.Policy)
	if err != nil {
		panic(fmt.Sprintf("marshal policy: %v", err)) // it holds strings and booleans only
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

// String is the form that the functions read: "ssm:/name", "secretsmanager:name".
func (r SecretRef) String() string { return string(r.Store) + ":" + r.Name }

// Load reads the settings of a deployment. An error is either that of reading
// the file, or Mistakes: all that is wrong with it, at once.
func Load(path string) (*Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return Parse(path, data)
}

// Parse does what Load does, with data in place of the content of file.
func Parse(file string, data []byte) (*Settings, error) { return parse(file, data, false) }

// LoadPolicy reads the policy alone: no setting but config or group_config has
// to be there. What is there must be right. Errors are those of Load; warnings
// are those about the policy.
func LoadPolicy(path string) (policy access.Policy, warnings []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return access.Policy{}, nil, fmt.Errorf("read settings: %w", err)
	}
	return ParsePolicy(path, data)
}

// ParsePolicy does what LoadPolicy does, with data in place of the content of
// file.
func ParsePolicy(file string, data []byte) (policy access.Policy, warnings []string, err error) {
	s, err := parse(file, data, true)
	if err != nil {
		return access.Policy{}, nil, err
	}
	return s.Policy, s.Warnings, nil
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
	s.warnOfRecords(r, root)
	slices.SortStableFunc(r.warnings, compareLines)
	s.Warnings = formatLines(file, r.warnings)
	return &s, nil
}

// linter looks at the policy that was read.
func (s *Settings) linter(r *reader) *policylint.Linter {
	removals := s.RevokeSchedule
	if !s.AllowRemovals {
		removals = ""
	}
	return policylint.New(policylint.Settings{
		Policy: s.Policy, ProtectedAccounts: s.ProtectedAccounts, RemovalSchedule: removals,
		HasValue: func(path string) bool { _, given := r.keys[path]; return given },
	})
}

// warnOfPolicy enters warnings about statements, at the line of the key that each
// is about, or of the statement where the key is left out.
func (r *reader) warnOfPolicy(warnings []policylint.Warning) {
	for _, w := range warnings {
		line := r.keys[w.Path]
		if line == 0 {
			statement, _, _ := strings.Cut(w.Path, ".")
			line = r.keys[statement]
		}
		r.warn(line, w.Path, "%s", w.Text)
	}
}
