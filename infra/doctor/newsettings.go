package main

import "sso-elevator/infra/settings"

// The two settings below are read here and nowhere else in this command.

// reservedConcurrency is how many invocations at once are kept for the function
// that Slack calls; 0: none are.
//
// TODO: s.IngressReservedConcurrency, once there is the setting
// ingress_reserved_concurrency.
func reservedConcurrency(*settings.Settings) int { return 0 }

// mfaDelete says whether the settings demand that nothing is deleted from the
// audit bucket without a second factor.
//
// TODO: s.MFADelete, once there is the setting s3_mfa_delete.
func mfaDelete(*settings.Settings) bool { return false }
