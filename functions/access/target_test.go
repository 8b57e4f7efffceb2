package access

import "testing"

func TestOutOfReach(t *testing.T) {
	const here, management, other = "111111111111", "222222222222", "333333333333"
	account := func(id string) Target { return Target{Kind: KindAccount, AccountID: id} }
	tests := []struct {
		name                string
		target              Target
		account, management string
		want                bool
	}{
		{"the management account, from another one", account(management), here, management, true},
		{"another account", account(other), here, management, false},
		{"the own account", account(here), here, management, false},
		{"the management account, from itself", account(management), management, management, false},
		{"not known which it is", account(management), here, "", false},
		{"no account chosen, and not known", account(""), here, "", false},
		{"a group", Target{Kind: KindGroup, GroupID: management}, here, management, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.target.OutOfReach(test.account, test.management); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
