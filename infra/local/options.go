package local

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/alecthomas/kong"

	"sso-elevator/infra/local/gateway"
)

// noSeed is the value of --seed that leaves AWS unchanged.
const noSeed = "none"

// Options are the settings of the local stack itself. The tags define the command's
// flags.
type Options struct {
	Listen        string        `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address of the page (default: 127.0.0.1:8080)."`
	Gateway       string        `default:"127.0.0.1:4566" placeholder:"ADDRESS" help:"Address of the simulated AWS and of the Slack request URL (default: 127.0.0.1:4566)."`
	AWS           string        `placeholder:"URL" help:"URL of a running moto server to use. Start it with TZ=UTC and with MOTO_PORT set to the port of --gateway (default: start one)."`
	SlackAPI      string        `placeholder:"URL" help:"URL of the Slack Web API to use instead of the simulator."`
	BotToken      string        `name:"slack-bot-token" placeholder:"TOKEN" help:"Bot token. Required with --slack-api (default: a random one)."`
	SigningSecret string        `name:"slack-signing-secret" placeholder:"SECRET" help:"Signing secret. Required with --slack-api (default: a random one)."`
	Seed          string        `placeholder:"FILE" help:"File with an example organization, or the word none to create no organization (default: the demo's)."`
	Log           string        `placeholder:"FILE" help:"File for the functions' logs and the CDK app's warnings (default: standard error)."`
	Settle        time.Duration `default:"${settle}" placeholder:"DURATION" help:"How long the simulated Identity Center takes for an assignment (default: ${settle})."`
}

// Variables are the values that the tags of Options name.
var Variables = kong.Vars{"settle": gateway.DefaultSettleDelay.String()}

// check returns all mistakes in the options, or nil.
func (o Options) check() error {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	for name, value := range map[string]string{"--listen": o.Listen, "--gateway": o.Gateway} {
		if _, _, err := net.SplitHostPort(value); err != nil {
			mistake("%s must be HOST:PORT, not %q", name, value)
		}
	}
	for name, value := range map[string]string{"--aws": o.AWS, "--slack-api": o.SlackAPI} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			mistake("%s must be a URL, not %q", name, value)
		}
	}
	if o.SlackAPI != "" && (o.BotToken == "" || o.SigningSecret == "") {
		mistake("--slack-api needs --slack-bot-token and --slack-signing-secret")
	}
	return errors.Join(mistakes...)
}
