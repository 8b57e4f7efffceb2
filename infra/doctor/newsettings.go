package main

import "sso-elevator/infra/settings"

// reservedConcurrency is how many invocations at once are kept for the function
// that Slack calls; 0: none are.
//
// TODO: s.IngressReservedConcurrency, once there is the setting
// ingress_reserved_concurrency.
func reservedConcurrency(*settings.Settings) int { return 0 }
