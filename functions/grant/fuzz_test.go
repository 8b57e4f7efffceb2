package grant

import (
	"encoding/json"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Whatever an execution sends, and whatever the row says, access is created only for
// the row's own execution, after a decision that the policy permits. A refusal has a
// code.
func FuzzTask(f *testing.F) {
	row, err := json.Marshal(approved())
	if err != nil {
		f.Fatal(err)
	}
	for _, payload := range []string{
		`{"operation":"start","request_id":"one","execution":"` + execution + `"}`, `{"operation":"confirm","request_id":"one","execution":"` + execution + `"}`,
		`{"operation":"start","request_id":"one","execution":""}`, `{"operation":"start","execution":"arn:other"}`, `{}`, `null`, `{"operation":["start"]}`,
		`{"operation":"start","execution":"` + execution + `","subject":{"account_id":"999999999999"},"decision":"approved"}`,
	} {
		f.Add([]byte(payload), row)
		f.Add([]byte(payload), []byte(`{"id":"one","outcome":{"kind":"approved"}}`))
		f.Add([]byte(payload), []byte(`{"id":"one","execution_arn":"`+execution+`","duration_seconds":3600,"outcome":{"kind":"automatic"},"requester":{"slack_id":"U","email":"bob@example.com","principal_id":"p"},"target":{"kind":"account","account_id":"1","permission_set":"ReadOnly","permission_set_arn":"arn:1"}}`))
	}
	f.Fuzz(func(t *testing.T, payload, row []byte) {
		var in Input
		s := inOrder()
		s.row = access.Request{}
		if json.Unmarshal(payload, &in) != nil || json.Unmarshal(row, &s.row) != nil {
			return
		}
		_, err := s.handler().Handle(t.Context(), in)
		if err != nil && (host.ErrorCode(err) == "" || host.ErrorCode(err) == access.CodeInternal) {
			t.Errorf("%v of code %q", err, host.ErrorCode(err))
		}
		own := in.Execution != "" && in.Execution == s.row.ExecutionARN
		if (len(s.acquired) > 0 || s.ic > 0 || len(s.failures) > 0) && !own {
			t.Errorf("the execution %q has an effect on the row of %q", in.Execution, s.row.ExecutionARN)
		}
		for _, r := range s.acquired {
			o := r.Outcome
			switch {
			case err != nil && len(s.failures) == 0 || in.Operation != "start" || o == nil || r.Tombstone || !r.ClosedAt.IsZero() || !r.RevokingAt.IsZero() || !r.RevokedAt.IsZero():
				t.Errorf("%+v is granted", r)
			case r.Duration <= 0 || r.Duration > 99_999_999 || r.Requester.PrincipalID == "":
				t.Errorf("%+v is granted", r)
			case o.Kind != access.OutcomeApproved: // the policy grants nothing automatically
				t.Errorf("granted because of %+v", o)
			case access.NormalizeEmail(o.By.Email) != "bob@example.com" || o.By.PrincipalID == "" || o.By.PrincipalID == r.Requester.PrincipalID ||
				o.By.SlackID == r.Requester.SlackID || o.By.SecondaryDomain || access.NormalizeEmail(r.Requester.Email) == "bob@example.com":
				t.Errorf("granted to %+v because of %+v", r.Requester, o)
			case r.Target.Kind != access.KindAccount || r.Target.PermissionSet != "ReadOnly" || r.Target.AccountID == "" || r.Target.PermissionSetARN == "":
				t.Errorf("%+v is granted", r.Target)
			}
		}
	})
}
