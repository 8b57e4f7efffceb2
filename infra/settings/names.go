package settings

import (
	"maps"
	"slices"

	"sso-elevator/statemachine"
)

const (
	// functionNamePattern is Lambda's (API reference, CreateFunction).
	functionNamePattern  = `^[A-Za-z0-9_-]{1,64}$`
	functionNameExpected = "the name of a function: up to 64 letters, digits, hyphens and underscores"
	// roleNamePattern is IAM's (API reference, CreateRole).
	roleNamePattern = `^[A-Za-z0-9_+=,.@-]{1,64}$`
	apiNamePattern  = `^[A-Za-z0-9_. -]{1,128}$`
)

// checkNames reports names that two functions would share, and a name that AWS has
// taken.
func (s *Settings) checkNames(r *reader) {
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(statemachine.FunctionTimeouts)) {
		taken[s.NamePrefix+"-"+name] = "the function " + name
	}
	for _, one := range []struct{ key, own, name string }{
		{"requester_lambda_name", "ingress", s.IngressFunctionName},
		{"revoker_lambda_name", "revoke", s.RevokeFunctionName},
	} {
		if one.name == "" || one.name == s.NamePrefix+"-"+one.own {
			continue
		}
		if other, twice := taken[one.name]; twice {
			r.mistake(r.keys[one.key], one.key, "%s is already the name of %s; choose another name", quote(one.name), other)
		}
		taken[one.name] = "the function of " + one.key
	}
	if s.ScheduleGroup == "default" {
		r.mistake(r.keys["schedule_group_name"], "schedule_group_name", `"default" always exists and can't be created; to use it, remove this setting`)
	}
}

// checkEndpoint reports settings that leave Slack nothing to call, and settings of an
// API that is not created.
func (s *Settings) checkEndpoint(r *reader) {
	const api, url = "create_api_gateway", "create_lambda_url"
	_, given := r.keys[api]
	if !given || s.APIGateway || r.hasMistake(api) {
		return
	}
	if !s.FunctionURL && !r.hasMistake(url) {
		r.mistake(r.keys[api], api, "would leave Slack without a URL to call; set %s: true, or remove this", url)
	}
	for _, key := range []string{"api_gateway_name", "api_gateway_throttling_rate_limit", "api_gateway_throttling_burst_limit"} {
		if line, there := r.keys[key]; there {
			r.mistake(line, key, "has no effect when %s is false; remove it", api)
		}
	}
}

// FunctionName returns the deployed name of a function, ./functions/cmd/<name>.
func (s *Settings) FunctionName(name string) string {
	given := map[string]string{"ingress": s.IngressFunctionName, "revoke": s.RevokeFunctionName}[name]
	if given != "" {
		return given
	}
	return s.NamePrefix + "-" + name
}
