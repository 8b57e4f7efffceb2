// Package localtest has what the local stack's tests share: the probe function, and
// moto with a gateway in front of it.
package localtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"sso-elevator/infra/build"
	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/moto"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// Region and AccountID are those of the local stack.
const (
	Region    = "us-east-1"
	AccountID = "123456789012"
)

// BuildProbe builds infra/local/testdata/probe as dir/bootstrap.
func BuildProbe(dir string) error {
	root, err := build.Root()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, "bootstrap"), "./infra/local/testdata/probe")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the probe: %w\n%s", err, out)
	}
	return nil
}

// Stack is moto with a gateway in front of it. The probe runs as the functions
// "probe" (timeout 5 s) and "impatient" (1 s).
type Stack struct {
	URL     string // of the gateway
	Moto    *moto.Server
	Gateway *gateway.Gateway
	Lambda  *lambda.Service
	server  *http.Server
	// Dir holds the probe, as "bootstrap".
	Dir string
}

// Start starts a stack. The caller must stop it.
func Start() (_ *Stack, err error) {
	s := &Stack{}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if s.Dir, err = os.MkdirTemp("", "localtest"); err != nil {
		return nil, err
	}
	if err := BuildProbe(s.Dir); err != nil {
		return nil, err
	}
	root, err := build.Root()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.URL = "http://" + listener.Addr().String()
	s.Moto, err = moto.Start(context.Background(), moto.Config{Root: root, GatewayPort: listener.Addr().(*net.TCPAddr).Port})
	if err != nil {
		listener.Close()
		return nil, err
	}
	s.Lambda = lambda.New(lambda.Config{Region: Region, AccountID: AccountID, Log: io.Discard, Now: time.Now})
	for name, timeout := range map[string]time.Duration{"probe": time.Minute, "impatient": time.Second} {
		f := lambda.Function{Name: name, Dir: s.Dir, Timeout: timeout, MemoryMB: 128, Aliases: map[string]string{"live": "1"}, Versions: []string{"1"}}
		if err := s.Lambda.Register(f); err != nil {
			return nil, err
		}
	}
	s.Gateway = gateway.New(gateway.Config{MotoURL: s.Moto.URL, Lambda: s.Lambda, Now: time.Now, SettleDelay: gateway.DefaultSettleDelay})
	s.server = &http.Server{Handler: s.Gateway}
	go s.server.Serve(listener)
	return s, nil
}

// Stop ends the stack and removes its files.
func (s *Stack) Stop() {
	if s.server != nil {
		s.server.Close()
	}
	if s.Lambda != nil {
		s.Lambda.Close()
	}
	if s.Moto != nil {
		s.Moto.Stop()
	}
	if s.Gateway != nil {
		s.Gateway.Close()
	}
	os.RemoveAll(s.Dir)
}

// AWS returns an SDK configuration for the stack. It doesn't retry, so that a test
// sees the first answer.
func (s *Stack) AWS() aws.Config {
	return aws.Config{
		Region:           Region,
		BaseEndpoint:     aws.String(s.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("local", "local", ""),
		RetryMaxAttempts: 1,
	}
}

// assignTime is how long Assign waits for an assignment, which usually takes
// gateway.DefaultSettleDelay.
const assignTime = 2 * time.Minute

// Assign assigns a permission set to a user in an account, and waits until the
// assignment is listed.
func (s *Stack) Assign(ctx context.Context, instanceARN, accountID, permissionSetARN, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, assignTime)
	defer cancel()
	admin := ssoadmin.NewFromConfig(s.AWS())
	_, err := admin.CreateAccountAssignment(ctx, &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &instanceARN, TargetType: types.TargetTypeAwsAccount, TargetId: &accountID, PermissionSetArn: &permissionSetARN,
		PrincipalType: types.PrincipalTypeUser, PrincipalId: &userID,
	})
	if err != nil {
		return err
	}
	for {
		out, err := admin.ListAccountAssignments(ctx, &ssoadmin.ListAccountAssignmentsInput{InstanceArn: &instanceARN, AccountId: &accountID, PermissionSetArn: &permissionSetARN})
		if err != nil {
			return fmt.Errorf("list the assignments in %s: %w", accountID, err)
		}
		if slices.ContainsFunc(out.AccountAssignments, func(a types.AccountAssignment) bool { return aws.ToString(a.PrincipalId) == userID }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the assignment in %s is not listed: %w", accountID, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
