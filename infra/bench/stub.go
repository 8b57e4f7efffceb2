package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/table"
)

// The world, as the measured functions see it.
const (
	stubTeam          = "T0BENCH01"
	stubApp           = "A0BENCH01"
	stubChannel       = "C0BENCH01"
	stubRequester     = "UREQUESTER"
	stubApprover      = "UAPPROVER"
	stubSigningSecret = "8f742231b10e8888abcd99bbb0123456"
	stubAccount       = "123456789012" // everything runs in it
	stubToken         = "token-of-a-wait"
)

// world is everything that can be requested, and the policy.
type world struct {
	accounts       [][2]string // id, name
	permissionSets [][2]string // ARN, name
	groups         [][2]string // id, name
	policy         access.Policy
	users          int // in Identity Center, besides those who take part
}

// stub answers the functions immediately, in place of AWS and Slack's Web API. It
// is one HTTP server without TLS, so the measures include only the functions' own
// work and a local connection. It stores nothing: reads always return the same
// rows.
type stub struct {
	url    string
	server *http.Server

	catalog, emails, policy, pointer []byte

	permissionSets [][2]string
	rows           map[string]json.RawMessage // items of the table, by key

	mu      sync.Mutex
	unknown []string // calls that the stub can't answer
	calls   map[string]int
}

// newStub starts a stub of a world, with these requests and leases in its table.
// The caller must close it.
func newStub(w world, requests []access.Request, leases []access.Lease) (*stub, error) {
	s, err := makeStub(w, requests, leases)
	if err != nil {
		return nil, err
	}
	return s, s.serve(s)
}

// makeStub returns a stub that doesn't listen yet.
func makeStub(w world, requests []access.Request, leases []access.Lease) (*stub, error) {
	s := &stub{rows: map[string]json.RawMessage{}, calls: map[string]int{}, permissionSets: w.permissionSets}
	var err error
	if s.policy, err = json.Marshal(w.policy); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(s.policy)
	if s.pointer, err = json.Marshal(policyinforce.NewPointer("policies", "policy.json", hex.EncodeToString(sum[:]), &w.policy)); err != nil {
		return nil, err
	}
	if s.catalog, err = buildCatalog(w); err != nil {
		return nil, err
	}
	s.emails = buildEmails(w)
	for _, r := range requests {
		if s.rows[table.RequestPrefix+r.ID], err = marshalItem(r); err != nil {
			return nil, err
		}
	}
	for _, l := range leases {
		if s.rows[table.LeasePrefix+l.Key], err = marshalItem(l); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// serve lets handler answer at the stub's address.
func (s *stub) serve(handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: handler}
	go s.server.Serve(listener)
	return nil
}

func (s *stub) close() { s.server.Close() }

// checkComplaints returns an error if a function made a call that the stub can't
// answer. In that case, no measurement counts.
func (s *stub) checkComplaints() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unknown) > 0 {
		return fmt.Errorf("the stub has no answer for %q", slices.Compact(s.unknown))
	}
	return nil
}

// buildCatalog returns the snapshot that ingress reads, in the form that reconcile
// writes.
func buildCatalog(w world) ([]byte, error) {
	now := time.Now().UTC()
	named := make([]int64, len(w.permissionSets))
	for i := range named {
		named[i] = now.Unix()
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := json.NewEncoder(z).Encode(object{
		"format": 1, "management_account": stubAccount,
		"accounts":        object{"read_at": now, "pairs": w.accounts},
		"permission_sets": object{"read_at": now, "pairs": w.permissionSets, "named_at": named},
		"groups":          object{"read_at": now, "pairs": w.groups},
	}); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// buildEmails returns the index of emails, in the form that reconcile writes.
func buildEmails(w world) []byte {
	var text bytes.Buffer
	text.WriteString("emails 1\n")
	for _, id := range []string{stubApprover, stubRequester} {
		fmt.Fprintf(&text, "%s %s\n", emailOf(id), principalOf(emailOf(id)))
	}
	for i := range w.users {
		fmt.Fprintf(&text, "firstname.lastname%05d@corporation.example.com %08x-3333-2222-1111-%012x\n", i, i, i)
	}
	return text.Bytes()
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if method, ok := strings.CutPrefix(r.URL.Path, "/api/"); ok {
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.answerSlack(w, r, method, string(body))
		return
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, operation, _ := strings.Cut(target, ".")
		s.answerAWS(w, operation, body)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /catalogs/catalog.json.gz":
		w.Header().Set("ETag", `"1"`)
		w.Write(s.catalog)
	case "GET /catalogs/emails.txt":
		w.Header().Set("ETag", `"1"`)
		w.Write(s.emails)
	case "GET /policies/policy.json":
		w.Write(s.policy)
	default:
		if r.Method == http.MethodPut { // an audit record
			return
		}
		s.refuse(w, r.Method+" "+r.URL.Path)
	}
}

func (s *stub) count(operation string) {
	s.mu.Lock()
	s.calls[operation]++
	s.mu.Unlock()
}

// countOf returns how often an operation was called.
func (s *stub) countOf(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

func (s *stub) refuse(w http.ResponseWriter, what string) {
	s.mu.Lock()
	s.unknown = append(s.unknown, what)
	s.mu.Unlock()
	http.Error(w, "{}", http.StatusBadRequest)
}

// answerAWS answers calls in AWS's JSON protocols.
func (s *stub) answerAWS(w http.ResponseWriter, operation string, body []byte) {
	var in struct {
		Name                     string
		Names                    []string
		Key                      map[string]map[string]string
		PermissionSetArn, UserId string
		AlternateIdentifier      struct {
			UniqueAttribute struct{ AttributeValue string }
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		s.refuse(w, operation+" with a body that is not JSON")
		return
	}
	s.count(operation)
	out := object{}
	switch operation {
	case "GetItem":
		if row, ok := s.rows[in.Key[table.AttributeKey]["S"]]; ok {
			out["Item"] = row
		}
	case "UpdateItem":
		out["Attributes"] = s.rows[in.Key[table.AttributeKey]["S"]]
	case "PutItem", "DeleteItem", "SendTaskSuccess":
	case "Query":
		out = object{"Items": []any{}, "Count": 0, "ScannedCount": 0}
	case "GetParameter":
		out["Parameter"] = s.parameter(in.Name)
	case "GetParameters":
		found := []any{}
		for _, name := range in.Names {
			found = append(found, s.parameter(name))
		}
		out["Parameters"], out["InvalidParameters"] = found, []string{}
	case "StartExecution":
		out = object{"executionArn": stubExecution, "startDate": 1.7e9}
	case "ListExecutions":
		out["executions"] = []any{}
	case "ListInstances":
		out["Instances"] = []any{object{"InstanceArn": stubInstance, "IdentityStoreId": stubStore}}
	case "DescribePermissionSet":
		for _, set := range s.permissionSets {
			if set[0] == in.PermissionSetArn {
				out["PermissionSet"] = object{"PermissionSetArn": set[0], "Name": set[1]}
			}
		}
	case "GetUserId":
		out = object{"IdentityStoreId": stubStore, "UserId": principalOf(in.AlternateIdentifier.UniqueAttribute.AttributeValue)}
	case "DescribeUser":
		out = object{"IdentityStoreId": stubStore, "UserId": in.UserId, "Emails": []any{object{"Value": strings.TrimPrefix(in.UserId, "p-")}}}
	case "ListAccountAssignments":
		assigned := []any{}
		if in.PermissionSetArn == heldSet {
			assigned = append(assigned, object{"PrincipalType": "USER", "PrincipalId": personOf(stubRequester).PrincipalID, "PermissionSetArn": heldSet, "AccountId": smallAccount})
		}
		out["AccountAssignments"] = assigned
	case "CreateAccountAssignment":
		out["AccountAssignmentCreationStatus"] = object{"Status": "SUCCEEDED", "RequestId": "creation"}
	case "DeleteAccountAssignment":
		out["AccountAssignmentDeletionStatus"] = object{"Status": "SUCCEEDED", "RequestId": "deletion"}
	case "ListAccountAssignmentCreationStatus":
		out["AccountAssignmentsCreationStatus"] = []any{}
	default:
		s.refuse(w, operation)
		return
	}
	answerJSON(w, http.StatusOK, out)
}

// answerJSON answers a call of AWS. DynamoDB's client expects the checksum.
func answerJSON(w http.ResponseWriter, status int, out object) {
	text, _ := json.Marshal(out)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 10))
	w.WriteHeader(status)
	w.Write(text)
}

func (s *stub) parameter(name string) object {
	value := map[string]string{"/policy": string(s.pointer), "/token": "xoxb-bench", "/signing": stubSigningSecret}[name]
	return object{"Name": name, "Value": value}
}

// answerSlack answers calls of Slack's Web API.
func (s *stub) answerSlack(w http.ResponseWriter, r *http.Request, method, body string) {
	if method == "views.update" && !strings.Contains(body, "Request access") {
		method = "views.update with something other than the form"
	}
	s.count(method)
	out := object{"ok": true}
	switch method {
	case "users.info":
		out["user"] = member(r.FormValue("user"))
	case "users.lookupByEmail":
		local, _, _ := strings.Cut(r.FormValue("email"), "@")
		out["user"] = member(strings.ToUpper(local))
	case "views.open", "views.update":
		out["view"] = object{"id": "V0BENCH01", "hash": "h1"}
	case "chat.postMessage", "chat.update":
		out["channel"], out["ts"] = stubChannel, "1767265200.000100"
	case "chat.postEphemeral":
		out["message_ts"] = "1767265200.000200"
	case "conversations.members":
		out["members"] = []string{stubRequester, stubApprover}
	case "respond", "views.publish":
	default:
		s.refuse(w, method)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(out)
}

func member(id string) object {
	return object{"id": id, "team_id": stubTeam, "is_email_confirmed": true, "profile": object{"email": emailOf(id), "real_name": id}}
}

func emailOf(slackID string) string   { return strings.ToLower(slackID) + "@example.com" }
func principalOf(email string) string { return "p-" + email }
func personOf(slackID string) access.Person {
	return access.Person{SlackID: slackID, Email: emailOf(slackID), Name: slackID, PrincipalID: principalOf(emailOf(slackID))}
}
