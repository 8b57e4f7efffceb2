package acceptance

import (
	"context"
	"time"

	"sso-elevator/functions/access"
)

// Person does in Slack what the acceptance run asks for. A method may return before
// the person has done it: the acceptance waits for the effect.
type Person interface {
	// Request submits a request for access to an account.
	Request(context.Context, Wish) error
	// Approve and Deny press these buttons of a request, as someone who may.
	Approve(context.Context, access.Request) error
	Deny(context.Context, access.Request) error
	// EndNow presses the button that ends active access.
	EndNow(context.Context, access.Request) error
}

// Wish is a request that someone should submit.
type Wish struct {
	Target   access.Target
	Duration time.Duration
	// Email is the requester's, as Identity Center has it. If it is "", anyone who
	// may can submit the request.
	Email string
	// Mark must be a word of the reason. It identifies the request.
	Mark string
}
