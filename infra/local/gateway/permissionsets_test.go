package gateway_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

// TestSessionDuration checks that a permission set created without a session
// duration has AWS's default, and that an update without one doesn't change it.
// moto answers both with a number.
func TestSessionDuration(t *testing.T) {
	for _, test := range []struct{ name, made, want string }{
		{name: "WithoutOne", want: "PT1H"},
		{name: "WithOne", made: "PT8H", want: "PT8H"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// One is created through the gateway, and one directly in moto.
			through, past := ssoadmin.NewFromConfig(stack.AWS()), ssoadmin.NewFromConfig(stack.AWS(), func(o *ssoadmin.Options) { o.BaseEndpoint = &stack.Moto.URL })
			in := &ssoadmin.CreatePermissionSetInput{InstanceArn: aws.String(ids(t).InstanceARN), Name: aws.String(test.name)}
			if test.made != "" {
				in.SessionDuration = aws.String(test.made)
			}
			made, err := through.CreatePermissionSet(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			arn := made.PermissionSet.PermissionSetArn
			if got := aws.ToString(made.PermissionSet.SessionDuration); got != test.want {
				t.Errorf("made with the session duration %q, want %q", got, test.want)
			}
			want(t, through, arn, test.want)
			_, err = through.UpdatePermissionSet(context.Background(), &ssoadmin.UpdatePermissionSetInput{InstanceArn: in.InstanceArn, PermissionSetArn: arn, Description: aws.String("Changed")})
			if err != nil {
				t.Fatal(err)
			}
			want(t, through, arn, test.want)
			if _, err := past.UpdatePermissionSet(context.Background(), &ssoadmin.UpdatePermissionSetInput{InstanceArn: in.InstanceArn, PermissionSetArn: arn}); err != nil {
				t.Fatal(err)
			}
			want(t, through, arn, "PT1H")
			if _, err := past.DescribePermissionSet(context.Background(), &ssoadmin.DescribePermissionSetInput{InstanceArn: in.InstanceArn, PermissionSetArn: arn}); err == nil {
				t.Error("moto itself answers with a duration by now: the correction is not needed any more")
			}
		})
	}
}

func want(t *testing.T, client *ssoadmin.Client, arn *string, duration string) {
	t.Helper()
	out, err := client.DescribePermissionSet(context.Background(), &ssoadmin.DescribePermissionSetInput{InstanceArn: aws.String(ids(t).InstanceARN), PermissionSetArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(out.PermissionSet.SessionDuration); got != duration {
		t.Errorf("the session duration is %q, want %q", got, duration)
	}
}
