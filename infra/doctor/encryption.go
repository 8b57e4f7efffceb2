package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// checkEncryption looks at the key that Identity Center encrypts people and
// groups with. One of the customer's own lies in the management account, and
// who is not in that account needs a right in two places: in the key's policy
// and in its own. Neither can be read from another account, so the best there is
// is to say what has to stand there.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/baseline-KMS-key-policy.html
// https://docs.aws.amazon.com/singlesignon/latest/userguide/advanced-kms-policy.html
func checkEncryption(ctx context.Context, api instancesAPI, in instance, account string) ([]finding, error) {
	out, err := api.DescribeInstance(ctx, &ssoadmin.DescribeInstanceInput{InstanceArn: &in.arn})
	if err != nil {
		return nil, err
	}
	var all []finding
	if out.PermissionSetsEnabled != nil && !*out.PermissionSetsEnabled {
		all = append(all, finding{Check: lineInstance, Status: missing, Found: "the instance has no permission sets",
			Fix: "Use the organization's instance: an account's own has no permission sets, so there is nothing to hand out."})
	}
	e := out.EncryptionConfigurationDetails
	switch {
	case e == nil || e.KeyType == "":
		return append(all, finding{Status: unchecked, Found: "Identity Center does not say which key it has", Fix: "Look at Settings, Encryption, in Identity Center's console."}), nil
	case e.KeyType == types.KmsKeyTypeAwsOwnedKmsKey:
		return append(all, finding{Status: ready, Found: "AWS's own"}), nil
	case e.EncryptionStatus == types.KmsKeyStatusUpdateFailed:
		return append(all, finding{Status: missing, Found: fmt.Sprintf("%s: %s", e.EncryptionStatus, aws.ToString(e.EncryptionStatusReason)), Fix: "Mend the key in Identity Center's settings."}), nil
	}
	key := aws.ToString(e.KmsKeyArn)
	return append(all, finding{Status: warning, Found: key + ", a key of your own; whether the functions may use it can't be read from here",
		Fix: fmt.Sprintf("Let the key's policy, and from another account than the key's also the functions' roles, allow kms:Decrypt on it to arn:aws:iam::%s:root where kms:ViaService is sso.*.amazonaws.com with the encryption context aws:sso:instance-arn %s, "+
			"or identitystore.*.amazonaws.com with aws:identitystore:identitystore-arn %s.", account, in.arn, storeARN(out, in))}), nil
}

// storeARN is the identity store's, in whichever way it is known.
func storeARN(out *ssoadmin.DescribeInstanceOutput, in instance) string {
	if arn := aws.ToString(out.IdentityStoreArn); arn != "" {
		return arn
	}
	return fmt.Sprintf("arn:aws:identitystore::%s:identitystore/%s", in.owner, in.store)
}
