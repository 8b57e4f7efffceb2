package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/infra/settings"
)

// checkEncryption checks the key that Identity Center encrypts people and groups
// with. A customer's own key is in the management account. Roles in another account
// need permission in two places: in the roles themselves, which the setting gives,
// and in the key's policy. Another account can't read that policy, so the finding
// only says what it must contain.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/baseline-KMS-key-policy.html
// https://docs.aws.amazon.com/singlesignon/latest/userguide/advanced-kms-policy.html
func checkEncryption(ctx context.Context, api instancesAPI, in instance, account, setting string) ([]finding, error) {
	out, err := api.DescribeInstance(ctx, &ssoadmin.DescribeInstanceInput{InstanceArn: &in.arn})
	if err != nil {
		return nil, err
	}
	var all []finding
	if out.PermissionSetsEnabled != nil && !*out.PermissionSetsEnabled {
		all = append(all, finding{Check: lineInstance, Status: missing, Found: "this instance can't have permission sets",
			Fix: "Use the organization instance of Identity Center. An account instance has no permission sets, so there is nothing to grant."})
	}
	e := out.EncryptionConfigurationDetails
	switch {
	case e == nil || e.KeyType == "":
		return append(all, finding{Status: unchecked, Found: "Identity Center didn't return its key", Fix: "Check Settings > Encryption in the Identity Center console."}), nil
	case e.KeyType == types.KmsKeyTypeAwsOwnedKmsKey && setting != "":
		return append(all, finding{Status: warning, Found: "AWS's own key, but identity_center_kms_key_arn names another one",
			Fix: "Remove identity_center_kms_key_arn from the settings, unless you are about to switch Identity Center to that key."}), nil
	case e.KeyType == types.KmsKeyTypeAwsOwnedKmsKey:
		return append(all, finding{Status: ready, Found: "AWS's own key"}), nil
	case e.EncryptionStatus == types.KmsKeyStatusUpdateFailed:
		return append(all, finding{Status: missing, Found: fmt.Sprintf("%s: %s", e.EncryptionStatus, aws.ToString(e.EncryptionStatusReason)), Fix: "Fix the key in the Identity Center console (Settings > Encryption)."}), nil
	}
	key := aws.ToString(e.KmsKeyArn)
	owner := "Add these statements to the key policy, in the management account (docs/reference/security.md): " + keyPolicy(key, account, in.arn, storeARN(out, in, key))
	switch setting {
	case key:
		return append(all, finding{Status: warning, Found: key + ", your own key. The functions' roles may use it, but the key policy can't be read from here", Fix: owner}), nil
	case "":
		return append(all, finding{Status: missing, Found: key + ", your own key. The functions' roles may not use it, because identity_center_kms_key_arn is not set",
			Fix: fmt.Sprintf("Set identity_center_kms_key_arn: %s. %s", key, owner)}), nil
	}
	return append(all, finding{Status: missing, Found: fmt.Sprintf("%s, your own key, but identity_center_kms_key_arn names %s", key, setting),
		Fix: fmt.Sprintf("Set identity_center_kms_key_arn: %s. %s", key, owner)}), nil
}

// keyPolicy returns the statements that the policy of Identity Center's key needs
// for the roles of an account. They allow decryption through either service, in the
// encryption context of this instance and this identity store.
func keyPolicy(key, account, instanceARN, storeARN string) string {
	region, _ := settings.KeyPlace(key)
	partition, _, _ := strings.Cut(strings.TrimPrefix(key, "arn:"), ":")
	suffix := ".amazonaws.com"
	if partition == "aws-cn" {
		suffix += ".cn"
	}
	type statement struct {
		Sid, Effect string
		Principal   map[string]string
		Action      string
		Resource    string
		Condition   map[string]map[string]string
	}
	through := func(sid, service, context, arn string) statement {
		return statement{
			Sid: sid, Effect: "Allow", Principal: map[string]string{"AWS": "arn:" + partition + ":iam::" + account + ":root"}, Action: "kms:Decrypt", Resource: "*",
			Condition: map[string]map[string]string{"StringEquals": {"kms:ViaService": service + "." + region + suffix, "kms:EncryptionContext:" + context: arn}},
		}
	}
	text, err := json.Marshal([]statement{
		through("ElevatorIdentityCenter", "sso", "aws:sso:instance-arn", instanceARN),
		through("ElevatorIdentityStore", "identitystore", "aws:identitystore:identitystore-arn", storeARN),
	})
	if err != nil {
		panic("key policy: " + err.Error()) // strings always marshal
	}
	return string(text)
}

// storeARN returns the identity store's ARN: as AWS gives it, or else built from the
// partition of the key, which the same account owns.
func storeARN(out *ssoadmin.DescribeInstanceOutput, in instance, key string) string {
	if arn := aws.ToString(out.IdentityStoreArn); arn != "" {
		return arn
	}
	beginning, _, _ := strings.Cut(key, ":kms:")
	return fmt.Sprintf("%s:identitystore::%s:identitystore/%s", beginning, in.owner, in.store)
}
