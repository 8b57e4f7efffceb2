package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"sso-elevator/infra/local/gateway"
)

// noSeed leaves AWS as it is.
const noSeed = "none"

type options struct {
	config        string
	listen        string
	gateway       string
	aws           string // empty: start moto
	slackAPI      string // empty: the simulator
	botToken      string
	signingSecret string
	seed          string // empty: the example organization
	settle        time.Duration
}

// parseOptions reads the command line; every mistake is in its error.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.config, "config", "elevator.yaml", "`file` with the settings")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` of the page")
	flags.StringVar(&o.gateway, "gateway", "127.0.0.1:4566", "`address` of AWS and of the Slack request URL")
	flags.StringVar(&o.aws, "aws", "", "`URL` of a running moto server, started with TZ=UTC and with MOTO_PORT set to the port of -gateway (default: one is started)")
	flags.StringVar(&o.slackAPI, "slack-api", "", "`URL` of the Slack Web API to use instead of the simulator")
	flags.StringVar(&o.botToken, "slack-bot-token", "", "the bot's `token` (default, with the simulator: a random one)")
	flags.StringVar(&o.signingSecret, "slack-signing-secret", "", "the `secret` that Slack signs with (default, with the simulator: a random one)")
	flags.StringVar(&o.seed, "seed", "", "`file` with an example organization, or none to leave AWS as it is (default: the one of the demo)")
	flags.DurationVar(&o.settle, "settle", gateway.DefaultSettleDelay, "how `long` Identity Center takes to carry out an assignment")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	if flags.NArg() > 0 {
		mistake("unexpected argument %q", flags.Arg(0))
	}
	for name, value := range map[string]string{"-listen": o.listen, "-gateway": o.gateway} {
		if _, _, err := net.SplitHostPort(value); err != nil {
			mistake("%s must be HOST:PORT, not %q", name, value)
		}
	}
	for name, value := range map[string]string{"-aws": o.aws, "-slack-api": o.slackAPI} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			mistake("%s must be a URL, not %q", name, value)
		}
	}
	if o.slackAPI != "" && (o.botToken == "" || o.signingSecret == "") {
		mistake("-slack-api needs -slack-bot-token and -slack-signing-secret")
	}
	return o, errors.Join(mistakes...)
}
