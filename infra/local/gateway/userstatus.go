package gateway

import (
	"context"
	"encoding/json"
	"net/http"
)

// Statuses of users, as the Identity Store's API shows them. The API can't set
// them: an administrator does so in the console, or an identity provider through
// SCIM.
const (
	userEnabled  = "ENABLED"
	userDisabled = "DISABLED"
	// userUnknown is for a directory whose users have no status.
	userUnknown = "NONE"
)

// statuses stands in for the console: POST {"user_id": "...", "status": "DISABLED"}
// sets a user's status. The other statuses are "ENABLED", and "NONE" if the API
// should show none.
type statuses struct{ gateway *Gateway }

// UserStatuses returns the handler through which a test sets a user's status.
func (g *Gateway) UserStatuses() http.Handler { return statuses{g} }

func (s statuses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		UserID string `json:"user_id"`
		Status string `json:"status"`
	}
	if r.Method != http.MethodPost {
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.UserID == "" {
		http.Error(w, "user_id and status are required", http.StatusBadRequest)
		return
	}
	switch in.Status {
	case userEnabled, userDisabled, userUnknown:
	default:
		http.Error(w, "status must be ENABLED, DISABLED or NONE", http.StatusBadRequest)
		return
	}
	g := s.gateway
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.userStatus == nil {
		g.userStatus = map[string]string{}
	}
	g.userStatus[in.UserID] = in.Status
}

// describeUser adds the user's status, which moto doesn't have.
func (g *Gateway) describeUser(ctx context.Context, call *Call) *Answer {
	answer := g.forward(ctx, call)
	if !answer.succeeded() {
		return answer
	}
	var user map[string]json.RawMessage
	if err := json.Unmarshal(answer.Body, &user); err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	g.addStatus(user)
	return success(user)
}

// addStatuses adds each user's status to an answer of ListUsers.
func (g *Gateway) addStatuses(answer *Answer) *Answer {
	if !answer.succeeded() {
		return answer
	}
	var out map[string]json.RawMessage
	var users []map[string]json.RawMessage
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	if err := json.Unmarshal(out["Users"], &users); err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	for _, user := range users {
		g.addStatus(user)
	}
	raw, err := json.Marshal(users)
	if err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	out["Users"] = raw
	return success(out)
}

func (g *Gateway) addStatus(user map[string]json.RawMessage) {
	var id string
	if json.Unmarshal(user["UserId"], &id) != nil {
		return
	}
	g.mu.RLock()
	status := g.userStatus[id]
	g.mu.RUnlock()
	switch status {
	case userUnknown:
	case userDisabled:
		user["UserStatus"] = json.RawMessage(`"` + userDisabled + `"`)
	default:
		user["UserStatus"] = json.RawMessage(`"` + userEnabled + `"`)
	}
}
