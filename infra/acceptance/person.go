package acceptance

import (
	"context"
	"time"

	"sso-elevator/functions/access"
)

// Person does in Slack what the acceptance asks for. Each method may return
// before it is done: the acceptance waits until it sees the effect.
type Person interface {
	// Request submits a request for access to an account.
	Request(context.Context, Wish) error
	// Approve and Deny press these buttons of a request, as somebody who may.
	Approve(context.Context, access.Request) error
	Deny(context.Context, access.Request) error
	// EndNow presses the button that ends active access.
	EndNow(context.Context, access.Request) error
}

// Wish is what somebody is to request.
type Wish struct {
	Target   access.Target
	Duration time.Duration
	// Email is who is to request it, as Identity Center has it; "": anybody
	// who may.
	Email string
	// Mark must stand in the reason: it tells this request from others.
	Mark string
}
