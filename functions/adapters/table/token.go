package table

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// setTokenExecution adds the copy of execution_arn that storeToken's condition names.
func setTokenExecution(row item, execution string) {
	if execution != "" {
		row[AttributeTokenExecution] = &types.AttributeValueMemberS{Value: execution}
	}
}

// storeToken makes the change c, which stores a task token, if the row is that of
// execution. apply is apply or applyRun, and owner returns a row's execution_arn.
//
// The condition names a copy of execution_arn: a role that may name an attribute may write
// it, and await must not be able to write execution_arn. The returned row is checked too,
// because execution_arn decides.
func storeToken[Row any](c change, execution, token string, apply func(change) (Row, bool, error), owner func(Row) string) (Row, error) {
	var none Row
	if token == "" {
		return none, access.Errorf(access.CodeInvalid, "%s: the token is empty", c.doing)
	}
	if execution == "" {
		return none, access.Errorf(access.CodeRefused, "%s: there is no execution", c.doing)
	}
	owned := c
	owned.where = "#" + AttributeTokenExecution + " = :execution"
	owned.names, owned.values = []string{AttributeTokenExecution}, map[string]any{"execution": execution}
	r, stored, err := apply(owned)
	if err == nil && !stored && owner(r) == execution {
		// The row is closed, or of the previous release, which made no copy.
		c.set[AttributeTokenExecution] = execution
		r, _, err = apply(c)
	}
	if err != nil {
		return none, err
	}
	if owner(r) != execution {
		return none, access.Errorf(access.CodeRefused, "%s: the row belongs to another execution", c.doing)
	}
	return r, nil
}
