package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"sso-elevator/functions/adapters/auditlog"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/slackclient"
	"sso-elevator/functions/ingress"
	"sso-elevator/functions/notify"
	"sso-elevator/infra/build"
	"sso-elevator/infra/command"
	"sso-elevator/infra/deployed"
	"sso-elevator/infra/local/experiments"
	"sso-elevator/infra/local/faults"
	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/moto"
	"sso-elevator/infra/local/organization"
	"sso-elevator/infra/local/policytab"
	"sso-elevator/infra/local/process"
	"sso-elevator/infra/local/schedule"
	"sso-elevator/infra/local/stack"
	"sso-elevator/infra/local/truth"
	"sso-elevator/slack"
	"sso-elevator/slack/simulator"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

// The region and the account in which the system believes it runs.
const (
	region    = "us-east-1"
	accountID = "123456789012"
)

// local is the local stack. Parts that have not been started are nil.
type local struct {
	calls    calls
	faults   faults.Rules
	config   string // path of the settings
	options  Options
	isDemo   bool // the settings and the organization are those of the demo
	stderr   io.Writer
	log      io.Writer // of the functions and the CDK app: stderr, or logFile
	logFile  *os.File  // nil without --log
	progress *command.Progress
	root     string // directory with go.mod

	pageListener, gatewayListener net.Listener // on --listen and --gateway
	servers                       []*http.Server
	scratch                       string // directory of a new cloud assembly, until it is kept
	synth                         *process.Process
	moto                          *moto.Server
	lambda                        *lambda.Service
	gateway                       *gateway.Gateway
	guard                         *iam.Guard
	catalog                       firstCatalog            // zero if no schedule refreshes the catalog
	ids                           organization.IDs        // of the example organization
	center                        identitycenter.Settings // as infra/deploy finds it
}

// ready is the line that the command prints when the stack is ready.
type ready struct {
	Ready           bool   `json:"ready"`
	Page            string `json:"page"`
	SlackRequestURL string `json:"slack_request_url"`
	AWSEndpointURL  string `json:"aws_endpoint_url"`
}

// run starts everything, prints the line ready, and waits until ctx ends. It returns
// an error if a part doesn't start or breaks down. The caller must call close.
func (s *local) run(ctx context.Context, stdout io.Writer) error {
	organization, err := s.prepare()
	if err != nil {
		return err
	}
	// Synthesis takes longest. While the CDK app is synthesized, start moto and fill it.
	type synthesized struct {
		assembly *stack.Assembly
		err      error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	synthesis, err := s.startSynth()
	if err != nil {
		return err
	}
	ended := make(chan synthesized, 1)
	go func() {
		assembly, err := s.awaitSynth(ctx, synthesis)
		ended <- synthesized{assembly, err}
	}()
	motoURL, err := s.startAWS(ctx)
	if err != nil {
		return err
	}
	if organization != nil {
		s.say("creating the example organization")
		if s.ids, err = organization.Seed(ctx, s.awsConfig()); err != nil {
			return err
		}
		s.gateway.SetManagementAccount(s.ids.ManagementAccount)
		s.gateway.SetSCIMGroups(s.ids.SCIMGroups)
	}
	var result synthesized
	select {
	case result = <-ended:
	case <-s.motoDone():
		return errors.New("moto stopped while the CDK app was being synthesized; start the stack again")
	case <-ctx.Done():
		return ctx.Err()
	}
	if result.err != nil {
		return result.err
	}
	// If there is no instance yet, the functions look it up.
	if in, err := deployed.FindInstance(ctx, ssoadmin.NewFromConfig(s.awsConfig()), ""); err == nil {
		s.center = identitycenter.Settings{InstanceARN: aws.ToString(in.InstanceArn), IdentityStore: aws.ToString(in.IdentityStoreId)}
	}
	s.say("deploying %s to %s", result.assembly.StackName, motoURL)
	deployed, err := result.assembly.Deploy(ctx, stack.Target{AWS: s.awsConfig(), Region: region, AccountID: accountID, APIURL: s.gatewayURL() + "/_api"})
	if err != nil {
		return fmt.Errorf("deploy: %w", err)
	}
	s.gateway.SetStack(gateway.Stack{Name: result.assembly.StackName, ID: deployed.StackID, At: time.Now(), Outputs: deployed.Outputs, Resources: deployed.Resources})
	page, err := s.startSystem(ctx, deployed, organization)
	if err != nil {
		return err
	}
	s.serve(s.pageListener, checkHost(s.pageListener, page))
	if err := s.awaitCatalog(ctx); err != nil {
		return err
	}
	line, err := json.Marshal(ready{Ready: true, Page: s.pageURL() + "/", SlackRequestURL: deployed.Outputs[slackRequestURL], AWSEndpointURL: s.gatewayURL()})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", line)
	s.say("ready: %s/", s.pageURL())
	select {
	case <-ctx.Done():
		return nil
	case <-s.motoDone():
		return errors.New("moto stopped unexpectedly; start the stack again")
	}
}

// awaitCatalog waits for the first catalog refresh. If the refresh fails, for example
// because AWS has no organization yet, awaitCatalog reports the reason and returns
// nil: the schedule tries again.
func (s *local) awaitCatalog(ctx context.Context) error {
	if s.catalog.ended == nil {
		return nil
	}
	s.say("refreshing the catalog; the page is at %s/", s.pageURL())
	select {
	case why := <-s.catalog.ended:
		if why != "" {
			s.say("there is no catalog yet; the next refresh will try again: %s", why)
		}
		return nil
	case <-s.motoDone():
		return errors.New("moto stopped unexpectedly; start the stack again")
	case <-ctx.Done():
		return nil
	}
}

// prepare reads the files and opens the ports, before anything starts.
func (s *local) prepare() (*organization.Organization, error) {
	var err error
	if s.root, err = build.Root(); err != nil {
		return nil, err
	}
	s.log = s.stderr
	if s.options.Log != "" {
		if s.logFile, err = os.Create(s.options.Log); err != nil {
			return nil, command.BadInput(fmt.Errorf("create the log: %w", err))
		}
		s.log = &syncWriter{out: s.logFile}
		s.say("the functions' logs and the CDK app's warnings go to %s", s.options.Log)
	}
	if _, err := os.Stat(s.config); err != nil {
		return nil, command.BadInput(fmt.Errorf("read the settings: %w", err))
	}
	people, err := s.loadOrganization()
	if err != nil {
		return nil, command.BadInput(fmt.Errorf("load the example organization: %w", err))
	}
	if s.options.AWS == "" {
		if _, err := moto.Executable(s.root); err != nil {
			return nil, err
		}
	}
	if s.pageListener, err = net.Listen("tcp", s.options.Listen); err != nil {
		return nil, fmt.Errorf("open the page's address: %w; choose another one with --listen", err)
	}
	if s.gatewayListener, err = net.Listen("tcp", s.options.Gateway); err != nil {
		return nil, fmt.Errorf("open the gateway's address: %w; choose another one with --gateway", err)
	}
	return people, nil
}

// startAWS starts the gateway, and moto unless the options name a running one.
func (s *local) startAWS(ctx context.Context) (motoURL string, err error) {
	if motoURL = s.options.AWS; motoURL == "" {
		s.say("starting moto")
		s.moto, err = moto.Start(ctx, moto.Config{Root: s.root, GatewayPort: s.gatewayListener.Addr().(*net.TCPAddr).Port})
		if err != nil {
			return "", err
		}
		motoURL = s.moto.URL
	} else if err := moto.EnableInterpreter(ctx, motoURL); err != nil {
		return "", err
	}
	s.guard = &iam.Guard{}
	s.lambda = lambda.New(lambda.Config{
		Region: region, AccountID: accountID, Log: s.log, Now: time.Now, Fault: s.faults.Invocation,
		Environment: map[string]string{"AWS_ENDPOINT_URL": s.gatewayURL()},
		InstanceEnvironment: func(instance string) map[string]string {
			return host.Environment(struct {
				Slack  slackclient.Settings
				Center identitycenter.Settings
			}{slackclient.Settings{APIURL: s.slackAPIFor(instance)}, s.center})
		},
	})
	s.faults.Caller, s.faults.Kill = s.lambda.Current, s.lambda.Kill
	s.gateway = gateway.New(gateway.Config{
		Guard: s.guard, Denied: func(what string) { s.say("IAM: %s", what) },
		MotoURL: motoURL, Lambda: s.lambda, Now: time.Now, SettleDelay: s.options.Settle,
		Course: func(c *gateway.Call) (gateway.Course, bool) {
			polls, failureReason, ok := s.faults.Course(sessionToken(c.Header), c.Target(), c.Body)
			return gateway.Course{Polls: polls, FailureReason: failureReason}, ok
		},
	})
	mux := http.NewServeMux()
	mux.Handle("/_faults", &s.faults)
	mux.Handle("/_calls", &s.calls)
	mux.Handle("/_users", s.gateway.UserStatuses())
	mux.Handle("/", s.faults.Calls(s.calls.count(s.gateway, s.callerName(awsCaller)), awsCallName, awsCaller))
	s.serve(s.gatewayListener, mux)
	return motoURL, nil
}

// startSystem starts the deployed functions and schedules, and returns the page.
func (s *local) startSystem(ctx context.Context, deployed stack.Deployed, o *organization.Organization) (http.Handler, error) {
	if err := s.checkSlackRoute(deployed); err != nil {
		return nil, err
	}
	var settings struct {
		Ingress ingress.Settings
		Notify  notify.Settings
		Audit   auditlog.Settings
	}
	environment := environmentOf(deployed.Functions)
	if err := host.ReadSettings(&settings, func(name string) string { return environment[name] }); err != nil {
		return nil, err
	}
	secrets, err := s.putSecrets(ctx, settings.Ingress)
	if err != nil {
		return nil, err
	}
	s.guard.SetPlace(iam.Place{Region: region, AccountID: accountID, PartitionKeys: deployed.PartitionKeys, BucketPolicies: deployed.BucketPolicies, TokenMachine: s.gateway.TokenMachine})
	for _, f := range deployed.Functions {
		s.guard.Admit(f.AccessKey(), f.Role, f.Name, deployed.Roles[f.Role])
		if err := s.lambda.Register(f); err != nil {
			return nil, err
		}
	}
	s.gateway.SetRoutes(deployed.Routes)
	functions := newFirstCatalog(s.lambda)
	if functions.isScheduled(deployed.Schedules) {
		s.catalog = functions
	}
	player := &schedule.Player{Functions: functions, Executions: sfn.NewFromConfig(s.awsConfig()), Now: time.Now, Say: s.say}
	player.Start(ctx, deployed.Schedules)

	reader := truth.New(truth.Config{
		AWS: s.awsConfig(), StateMachines: deployed.StateMachines, AuditBucket: settings.Audit.Bucket, AuditPrefix: settings.Audit.Prefix,
	})
	if s.options.SlackAPI != "" {
		return simulator.TruthPage(reader.Read), nil
	}
	members, err := s.listMembers(ctx, o)
	if err != nil {
		return nil, err
	}
	workspaceConfig := simulator.Config{
		TeamID: settings.Ingress.People.Team, AppID: settings.Ingress.App, ChannelID: settings.Notify.Channel,
		BotToken: secrets.botToken, SigningSecret: secrets.signingSecret, Scopes: slack.BotScopes,
		People: members, RequestURL: deployed.Outputs[slackRequestURL], APIURL: s.slackAPI(), Truth: reader.Read,
	}
	if workspaceConfig.Channels, err = s.listChannels(ctx, settings.Ingress.Policy, settings.Notify.Channel); err != nil {
		return nil, err
	}
	if err := applyManifest(&workspaceConfig, deployed.Outputs["SlackManifest"]); err != nil {
		return nil, err
	}
	if s.isDemo {
		workspaceConfig.Tour = demoTour
		workspaceConfig.Experiments = experiments.New(ctx, experiments.Config{
			AWS: s.awsConfig(), Slack: s.pageURL(), Faults: s.gatewayURL() + "/_faults", Team: settings.Ingress.People.Team,
			RequestMachine: deployed.Outputs["RequestMachineArn"], ReconcileMachine: deployed.Outputs["ReconcileMachineArn"],
			AuditBucket: settings.Audit.Bucket,
		})
	}
	if o != nil {
		if workspaceConfig.Policy, err = s.newPolicyTab(o); err != nil {
			return nil, err
		}
	}
	workspace := simulator.New(workspaceConfig)
	mux := http.NewServeMux()
	api := s.calls.count(workspace.API(), s.callerName(slackCaller))
	mux.Handle("/api/", api)
	mux.Handle(callersAPI, extractCaller(s.faults.Calls(api, slackCallName, slackCaller)))
	mux.Handle("/", workspace.Page())
	return mux, nil
}

// newPolicyTab returns the handler of the tab on which people try a policy.
func (s *local) newPolicyTab(o *organization.Organization) (http.Handler, error) {
	text, err := os.ReadFile(s.config)
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	return policytab.New(policytab.Config{File: s.config, Text: text, Organization: policytab.NewOrganization(o, s.ids, accountID)})
}

// slackRequestURL is the template's output with the URL that Slack calls.
const slackRequestURL = "SlackRequestURL"

// checkSlackRoute returns an error if no route of the template has Slack's request
// URL.
func (s *local) checkSlackRoute(deployed stack.Deployed) error {
	for _, r := range deployed.Routes {
		if r.Method == http.MethodPost && s.gatewayURL()+"/_api"+r.Path == deployed.Outputs[slackRequestURL] {
			return nil
		}
	}
	return fmt.Errorf("the template's output %s is %q, which is not a route of the template", slackRequestURL, deployed.Outputs[slackRequestURL])
}

// environmentOf returns the environment of all functions together. If several
// functions have a variable, it has the same value in all of them.
func environmentOf(functions []lambda.Function) map[string]string {
	all := map[string]string{}
	for _, f := range functions {
		for name, value := range f.Environment {
			all[name] = value
		}
	}
	return all
}

func (s *local) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	go server.Serve(l)
}

// close stops everything that was started, and waits until it has stopped.
func (s *local) close() {
	if s.synth != nil {
		s.synth.Kill()
	}
	for _, l := range []net.Listener{s.pageListener, s.gatewayListener} {
		if l != nil {
			l.Close()
		}
	}
	for _, server := range s.servers {
		server.Close()
	}
	if s.lambda != nil {
		s.lambda.Close()
	}
	if s.moto != nil {
		s.moto.Stop()
	}
	if s.gateway != nil {
		s.gateway.Close()
	}
	if s.scratch != "" {
		os.RemoveAll(s.scratch)
	}
	if s.logFile != nil {
		s.logFile.Close()
	}
}

// awsConfig returns an SDK configuration for the gateway. It ignores the environment.
func (s *local) awsConfig() aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.gatewayURL()),
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

func (s *local) gatewayURL() string { return "http://" + s.gatewayListener.Addr().String() }
func (s *local) pageURL() string    { return "http://" + s.pageListener.Addr().String() }

// slackAPI returns the address of the Web API, with a slash at the end.
func (s *local) slackAPI() string {
	if s.options.SlackAPI == "" {
		return s.pageURL() + "/api/"
	}
	return strings.TrimSuffix(s.options.SlackAPI, "/") + "/"
}

// slackAPIFor returns the address of the Web API for one process of a function.
func (s *local) slackAPIFor(instance string) string {
	if s.options.SlackAPI == "" {
		return s.pageURL() + callersAPI + instance + "/api/"
	}
	return s.slackAPI()
}

// motoDone returns a channel that closes when moto has ended. It returns nil if this
// program did not start moto.
func (s *local) motoDone() <-chan struct{} {
	if s.moto == nil {
		return nil
	}
	return s.moto.Done()
}

func (s *local) say(format string, args ...any) {
	fmt.Fprintf(s.stderr, "local: "+format+"\n", args...)
}
