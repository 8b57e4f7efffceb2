package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	rows "sso-elevator/functions/adapters/table"
	"sso-elevator/infra/auditpolicy"
	"sso-elevator/infra/settings"
)

// permissions returns each function's permissions. Only ingress and evaluate may name
// the attribute `outcome` in a write to the table. So no other function, and nobody
// with its role, can invent a decision.
func permissions(stack awscdk.Stack, props functionsProps) map[string][]awsiam.PolicyStatement {
	p := permitter{stack: stack, props: props}
	may := map[string][]awsiam.PolicyStatement{
		"ingress":   p.ingress(),
		"evaluate":  p.evaluate(),
		"await":     p.await(),
		"notify":    p.notify(),
		"grant":     p.grant(),
		"revoke":    p.revoke(),
		"audit":     p.audit(),
		"reconcile": p.reconcile(),
	}
	for name := range may {
		objects := keyForReads
		if name == "audit" || name == "reconcile" { // the two that write objects
			objects = keyForWrites
		}
		may[name] = join(may[name], p.useKey("dynamodb", keyForTable))
		if name != "await" { // which reads only rows
			may[name] = join(may[name], p.useKey("s3", objects))
		}
	}
	return may
}

// Rows of the table, as roles name them.
const (
	requests     = rows.RequestPrefix + "*"
	leases       = rows.LeasePrefix + "*"
	runs         = rows.RunPrefix + "*"
	claims       = rows.ClaimsPrefix + "*"
	removalRows  = rows.RemovalPrefix + "*" // only revoke writes them, because only revoke knows
	leaves       = rows.LeavePrefix + "*"   // only reconcile writes them
	removalCount = rows.RemovalsCountKey
	heartbeat    = rows.HeartbeatKey
	blocks       = rows.BlocksKey // only ingress writes it; audit counts what it has recorded
	pace         = rows.PaceKey
)

// permitter creates the statements of the functions' roles. It has a method for each
// function.
type permitter struct {
	stack awscdk.Stack
	props functionsProps
}

func (p permitter) ingress() []awsiam.PolicyStatement {
	s := p.props.settings
	var signingSecrets []awsiam.PolicyStatement
	for _, ref := range s.SlackSigningSecrets {
		signingSecrets = append(signingSecrets, p.secret(ref)...)
	}
	signingSecrets = append(signingSecrets, p.readTogether(append(slices.Clone(s.SlackSigningSecrets), s.SlackBotToken)...)...)
	return join(
		p.readRows(requests, leases, runs, claims, blocks), // leases: memberships that it granted don't decide
		p.createRequests(),
		p.writeClaims(),
		p.rows([]string{"dynamodb:PutItem"}, []string{blocks}, nil),
		p.updateRequests(rows.DecideAttributes, rows.ApprovalAttributes, rows.RequestEndAttributes, rows.EndShownAttributes),
		p.updateRuns(rows.AnswerRunAttributes, rows.PressRunAttributes, rows.RefusePressAttributes),
		p.askScansToYield(),
		p.readPolicy(),
		p.readCatalog(),
		permit("s3:GetObject", p.props.catalog.ArnForObjects(jsii.String(catalog.PartialKey))), // forms offer what is known so far
		p.readRuns(),                 // to know who may answer, it reads what was found
		p.query(rows.RequesterIndex), // for what people have and wait for
		p.query(rows.OpenIndex),      // for what waits for their approval
		p.secret(s.SlackBotToken), signingSecrets,
		p.identityCenter(),
		p.identityStore("GetUserId", "DescribeUser", "ListUsers", "IsMemberInGroups",
			"ListGroupMemberships"), // to refuse a form that only an empty group could approve
		permit("states:StartExecution states:SendTaskSuccess", requestMachineARN(p.stack, s)),
		permit("states:StartExecution states:SendTaskSuccess", reconcileMachineARN(p.stack, s)), // it starts what carries out a press on a finding
		permit("lambda:InvokeFunction", functionARN(p.stack, s, "reconcile")),                   // for a first catalog
	)
}

func (p permitter) evaluate() []awsiam.PolicyStatement {
	return join(
		p.readRows(requests, leases, claims, blocks),
		p.query(rows.RequesterIndex), // for what it tells approvers
		p.updateRequests(rows.EvaluateAttributes, rows.DecideAttributes, rows.ApprovalAttributes, rows.CountReminderAttributes, rows.TakeOverAttributes),
		p.askScansToYield(),
		p.writeClaims(), // it deletes the claim of a request that it decides
		p.readPolicy(),
		p.readCatalog(),
		p.secret(p.props.settings.SlackBotToken),
		p.readTogether(p.props.settings.SlackBotToken),
		p.identityCenter(),
		p.identityStore("GetUserId", "DescribeUser",
			"ListUsers", // as long as there is no index of emails
			"IsMemberInGroups",
			"ListGroupMemberships"), // to find an approver
		p.findUnits(),
	)
}

func (p permitter) await() []awsiam.PolicyStatement {
	return join(
		p.readRows(requests, runs),
		p.updateRequests(rows.StoreTokenAttributes),
		p.updateRuns(rows.StoreRunTokenAttributes),
		permit("states:SendTaskSuccess", requestMachineARN(p.stack, p.props.settings), reconcileMachineARN(p.stack, p.props.settings)),
	)
}

func (p permitter) notify() []awsiam.PolicyStatement {
	return join(
		p.readRows(requests, leases, runs),
		p.updateRequests(rows.PostAttributes),
		p.updateRuns(rows.PostAttributes),
		p.readRuns(),
		p.secret(p.props.settings.SlackBotToken),
	)
}

func (p permitter) grant() []awsiam.PolicyStatement {
	return join(
		p.readRows(requests, leases, blocks),
		p.updateRequests(rows.RecordOUPathAttributes, rows.RecordGrantAttributes, rows.FailAttributes,
			rows.RequestEndAttributes), // if the requester is blocked during the grant
		p.askScansToYield(),
		p.writeLeases(),
		p.readPolicy(),
		p.readCatalog(),
		// grant also deletes access whose lease no longer has holders.
		p.identityCenter("DescribePermissionSet", "ListAccountAssignments", "CreateAccountAssignment",
			"DescribeAccountAssignmentCreationStatus", "ListAccountAssignmentCreationStatus",
			"DeleteAccountAssignment", "DescribeAccountAssignmentDeletionStatus"),
		p.identityStore("DescribeUser", "ListUsers", "IsMemberInGroups", "GetGroupMembershipId", "CreateGroupMembership", "DeleteGroupMembership"),
		p.findUnits(),
		p.readManagementAccount(), p.changeManagementAccount(),
	)
}

func (p permitter) revoke() []awsiam.PolicyStatement {
	return join(
		p.readRows(requests, leases, runs, removalRows, removalCount, leaves, blocks), // what blocked people decided about findings doesn't count
		p.updateRequests(rows.BeginRevokeAttributes, rows.RebuildAttributes, rows.RecordRemovalAttributes),
		p.askScansToYield(),
		p.writeLeases(),
		p.rows([]string{"dynamodb:PutItem"}, []string{removalRows, removalCount}, nil),
		p.readRuns(),
		p.readPolicy(), // it removes only findings that the policy covers
		permit("s3:GetObject", p.props.catalog.ArnForObjects(jsii.String(catalog.Key))), // for the organizational units in it
		p.identityCenter("ListAccountAssignments", "DeleteAccountAssignment", "DescribeAccountAssignmentDeletionStatus",
			"DescribeAccountAssignmentCreationStatus", "ListAccountAssignmentCreationStatus", "DescribePermissionSet"),
		p.identityStore("DescribeUser", "IsMemberInGroups", "GetGroupMembershipId", "DeleteGroupMembership"),
		p.readManagementAccount(),
	)
}

func (p permitter) audit() []awsiam.PolicyStatement {
	return join(
		p.readRows(requests, runs, claims, removalRows, blocks),
		p.update(blocks, []string{rows.RecordBlocksAttributes}),
		p.updateRequests(rows.AppendEventAttributes, rows.MarkAuditedAttributes, rows.CloseAttributes),
		p.writeClaims(), // it deletes the claim of a request that it closes
		p.readRuns(),
		p.readPolicy(),
		p.writeAudit(),
	)
}

func (p permitter) reconcile() []awsiam.PolicyStatement {
	s, objects := p.props.settings, p.props.catalog.ArnForObjects
	return join(
		p.readRows(requests, leases, runs, claims, heartbeat, removalCount, blocks, leaves, pace),
		p.query(rows.OpenIndex),
		p.update(pace, []string{rows.PaceAttributes}),
		p.writeClaims(), // it deletes claims that were left behind
		p.updateRequests(rows.FailAttributes, rows.GiveUpAttributes, rows.RequestEndAttributes),
		p.rows([]string{"dynamodb:PutItem"}, []string{runs, heartbeat, leaves}, nil),
		p.updateRuns(rows.ExpireRunAttributes, rows.PressResultAttributes),
		p.readPolicy(),
		p.readCatalog(),
		p.readRuns(),
		permit("s3:PutObject", objects(jsii.String(catalog.KeyPattern)), objects(jsii.String(catalog.EmailsKey)), objects(jsii.String(findings.Prefix+"*"))),
		permit("organizations:ListAccounts", jsii.String("*")),
		permit("organizations:ListAccountsForParent organizations:ListOrganizationalUnitsForParent", organizationARN("ou/o-*/ou-*")),
		permit("states:ListExecutions", requestMachineARN(p.stack, s), reconcileMachineARN(p.stack, s)),
		permit("states:DescribeExecution", executionsOf(p.stack, requestMachineName(s)), executionsOf(p.stack, reconcileMachineName(s))),
		permit("states:StartExecution", reconcileMachineARN(p.stack, s)),
		// It removes overdue access even if someone stops every sweep.
		permit("lambda:InvokeFunction", functionARN(p.stack, s, "revoke")),
		// It ends the access of people who are gone, and asks someone first if many are. It has
		// reports updated after a press.
		permit("states:SendTaskSuccess", requestMachineARN(p.stack, s)),
		permit("lambda:InvokeFunction", functionARN(p.stack, s, "notify")),
		permit("lambda:InvokeFunction", functionARN(p.stack, s, "audit")), // to record who was blocked
		// It only reads Identity Center.
		p.identityCenter("ListPermissionSets", "DescribePermissionSet", "ListPermissionSetsProvisionedToAccount",
			"ListAccountsForProvisionedPermissionSet", "ListAccountAssignments", "ListAccountAssignmentsForPrincipal"),
		p.identityStore("ListGroups", "DescribeGroup", "ListUsers", "DescribeUser", "ListGroupMemberships", "IsMemberInGroups"),
	)
}

// findUnits permits finding the organizational units of an account.
func (p permitter) findUnits() []awsiam.PolicyStatement {
	return permit("organizations:ListParents", organizationARN("account/o-*/*"), organizationARN("ou/o-*/ou-*"))
}

// organizationARN returns the ARN of something in the organization. It contains the
// organization's id and its management account, which may be another one.
func organizationARN(resource string) *string {
	return awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:organizations::*:"+resource), nil)
}

// readRows permits reading rows with keys that match one of these patterns.
func (p permitter) readRows(keys ...string) []awsiam.PolicyStatement {
	return p.rows([]string{"dynamodb:GetItem"}, keys, nil)
}

func (p permitter) createRequests() []awsiam.PolicyStatement {
	return p.rows([]string{"dynamodb:PutItem"}, []string{requests}, nil)
}

// updateRequests permits only these changes to the rows of requests.
func (p permitter) updateRequests(changes ...string) []awsiam.PolicyStatement {
	return p.update(requests, changes)
}

// updateRuns permits only these changes to the rows of runs.
func (p permitter) updateRuns(changes ...string) []awsiam.PolicyStatement {
	return p.update(runs, changes)
}

func (p permitter) update(keys string, changes []string) []awsiam.PolicyStatement {
	named := append(strings.Fields(strings.Join(changes, " ")), rows.AttributeKey)
	slices.Sort(named)
	return p.rows([]string{"dynamodb:UpdateItem"}, []string{keys}, slices.Compact(named))
}

// askScansToYield permits writing when scans may go on, and nothing else of their pace.
func (p permitter) askScansToYield() []awsiam.PolicyStatement {
	return p.update(pace, []string{rows.AskToYieldAttributes})
}

// query permits querying an index, which contains only keys and the attributes that it
// was created with.
func (p permitter) query(index string) []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{allow([]string{"dynamodb:Query"}, jsii.String(*p.props.table.TableArn()+"/index/"+index))}
}

func (p permitter) writeLeases() []awsiam.PolicyStatement {
	return p.rows([]string{"dynamodb:PutItem", "dynamodb:DeleteItem"}, []string{leases}, nil)
}

func (p permitter) writeClaims() []awsiam.PolicyStatement {
	return p.rows([]string{"dynamodb:PutItem", "dynamodb:DeleteItem"}, []string{claims}, nil)
}

func (p permitter) rows(actions, keys, attributes []string) []awsiam.PolicyStatement {
	conditions := map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": keys}}
	if attributes != nil {
		conditions["ForAllValues:StringEquals"] = map[string]any{"dynamodb:Attributes": attributes}
	}
	return []awsiam.PolicyStatement{allowIf(conditions, actions, p.props.table.TableArn())}
}

// readPolicy permits reading the pointer and every object that it may name: all JSON
// files of this stack in the bootstrap bucket. The current object is not enough. A
// deployment changes the role before the pointer, and in between the functions still
// read the previous policy.
func (p permitter) readPolicy() []awsiam.PolicyStatement {
	policies := *p.props.policy.asset.Bucket().ArnForObjects(jsii.String(assetPrefix(p.props.settings) + "*.json"))
	return []awsiam.PolicyStatement{
		allow([]string{"ssm:GetParameter"}, p.props.policy.arn),
		allow([]string{"s3:GetObject"}, &policies),
		// The bootstrap bucket may have a customer key (cdk bootstrap
		// --bootstrap-customer-key), and nothing says which one. The encryption
		// context is the object, or the bucket if it has a bucket key.
		allowIf(map[string]any{
			"StringEquals": map[string]any{"kms:ViaService": p.viaService("s3")},
			"StringLike":   map[string]any{"kms:EncryptionContext:aws:s3:arn": []*string{p.props.policy.asset.Bucket().BucketArn(), &policies}},
		}, []string{"kms:Decrypt"}, p.anyKey()),
	}
}

// writeAudit permits writing new records and policies, and nothing else in the
// bucket: not replacing, reading or deleting objects.
func (p permitter) writeAudit() []awsiam.PolicyStatement {
	onlyNew := map[string]any{"Null": map[string]any{"s3:if-none-match": "false"}}
	return append(p.useExistingBucketKey(), allowIf(onlyNew, []string{"s3:PutObject"}, p.auditObjects()...))
}

// auditObjects returns the ARNs of records and policies.
func (p permitter) auditObjects() []*string {
	return *jsii.Strings(auditpolicy.Objects(*p.props.audit.BucketArn(), p.props.settings.AuditPrefix)...)
}

// readCatalog permits reading the catalog and the index of emails. It also permits
// listing the bucket: otherwise S3 answers "access denied" for an object that does not
// exist.
func (p permitter) readCatalog() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow([]string{"s3:GetObject"}, p.props.catalog.ArnForObjects(jsii.String(catalog.Key)), p.props.catalog.ArnForObjects(jsii.String(catalog.EmailsKey))),
		allow([]string{"s3:ListBucket"}, p.props.catalog.BucketArn()),
	}
}

// readRuns permits reading the findings of the reconciliation's runs.
func (p permitter) readRuns() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{allow([]string{"s3:GetObject"}, p.props.catalog.ArnForObjects(jsii.String(findings.Prefix+"*")))}
}

// secret permits reading the secret that ref names, even if a customer key encrypts
// it.
func (p permitter) secret(ref settings.SecretRef) []awsiam.PolicyStatement {
	kind, name, _ := strings.Cut(ref.String(), ":")
	decrypt := func(service, context string, arn *string) awsiam.PolicyStatement {
		return allowIf(map[string]any{
			"StringEquals": map[string]any{"kms:ViaService": p.viaService(service)},
			"StringLike":   map[string]any{"kms:EncryptionContext:" + context: arn},
		}, []string{"kms:Decrypt"}, p.anyKey())
	}
	if kind == "secretsmanager" {
		arn := &name
		if !strings.HasPrefix(name, "arn:") {
			// Secrets Manager appends six random characters to the name.
			arn = p.stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("secretsmanager"), Resource: jsii.String("secret"),
				ResourceName: jsii.String(name + "-??????"), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
			})
		}
		return []awsiam.PolicyStatement{
			allow([]string{"secretsmanager:GetSecretValue"}, arn),
			decrypt("secretsmanager", "SecretARN", arn),
		}
	}
	arn := p.parameterARN(name)
	return []awsiam.PolicyStatement{
		allow([]string{"ssm:GetParameter"}, arn),
		decrypt("ssm", "PARAMETER_ARN", arn),
	}
}

// readTogether permits reading the policy's pointer and those of the secrets that are
// parameters in one call. Each needs its own permission besides: if one can't be read, the
// others are read alone.
func (p permitter) readTogether(secrets ...settings.SecretRef) []awsiam.PolicyStatement {
	arns := []*string{p.props.policy.arn}
	for _, ref := range secrets {
		if kind, name, _ := strings.Cut(ref.String(), ":"); kind == "ssm" {
			arns = append(arns, p.parameterARN(name))
		}
	}
	if len(arns) < 2 {
		return nil
	}
	return []awsiam.PolicyStatement{allow([]string{"ssm:GetParameters"}, arns...)}
}

func (p permitter) parameterARN(name string) *string {
	return p.stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("ssm"), Resource: jsii.String("parameter"), ResourceName: jsii.String(strings.TrimPrefix(name, "/")),
	})
}

// identityCenter permits finding the instance, and these operations on its
// assignments and permission sets.
func (p permitter) identityCenter(operations ...string) []awsiam.PolicyStatement {
	find := allow([]string{"sso:ListInstances"}, jsii.String("*"))
	if len(operations) == 0 {
		return append(p.useIdentityCenterKey("sso"), find)
	}
	const service = "arn:${AWS::Partition}:sso:::"
	instance := "*"
	if _, id, ok := strings.Cut(p.props.settings.SSOInstanceARN, ":instance/"); ok {
		instance = id
	}
	resources := []*string{
		awscdk.Fn_Sub(jsii.String(service+"instance/"+instance), nil),
		awscdk.Fn_Sub(jsii.String(service+"permissionSet/"+instance+"/*"), nil),
	}
	if slices.ContainsFunc(operations, func(operation string) bool { return strings.Contains(operation, "AccountAssignment") }) {
		resources = append(resources, awscdk.Fn_Sub(jsii.String(service+"account/*"), nil))
	}
	return append(p.useIdentityCenterKey("sso"), find, allow(prefixed("sso:", operations), resources...))
}

// identityStore permits these operations on users and groups of the identity store.
// The store may belong to another account: the management account, if this account is
// the delegated administrator.
func (p permitter) identityStore(operations ...string) []awsiam.PolicyStatement {
	resources := map[string]bool{"arn:${AWS::Partition}:identitystore::*:identitystore/*": true}
	for _, operation := range operations {
		for word, kind := range map[string]string{"User": "user", "Group": "group", "Member": "membership"} {
			if strings.Contains(operation, word) {
				resources["arn:${AWS::Partition}:identitystore:::"+kind+"/*"] = true
			}
		}
		if strings.Contains(operation, "Member") {
			resources["arn:${AWS::Partition}:identitystore:::user/*"] = true
		}
	}
	var arns []*string
	for _, arn := range slices.Sorted(maps.Keys(resources)) {
		arns = append(arns, awscdk.Fn_Sub(jsii.String(arn), nil))
	}
	return append(p.useIdentityCenterKey("identitystore"), allow(prefixed("identitystore:", operations), arns...))
}

// readManagementAccount lets Identity Center read its own roles and SAML provider in
// the management account with the caller's permissions, if the settings ask for it.
// In all other accounts Identity Center uses its service-linked role.
func (p permitter) readManagementAccount() []awsiam.PolicyStatement {
	if !p.props.settings.ManageManagementAccount {
		return nil
	}
	return []awsiam.PolicyStatement{
		allow([]string{"iam:GetSAMLProvider"}, identityCenterProvider()),
		allow([]string{"iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"}, identityCenterRoles()),
	}
}

// changeManagementAccount permits Identity Center to create and change them, too. The
// function can't make these calls itself: they must come from an AWS service on its
// behalf.
func (p permitter) changeManagementAccount() []awsiam.PolicyStatement {
	if !p.props.settings.ManageManagementAccount {
		return nil
	}
	byService := map[string]any{"Bool": map[string]any{"aws:ViaAWSService": "true"}}
	return []awsiam.PolicyStatement{
		allowIf(byService, []string{"iam:CreateSAMLProvider", "iam:UpdateSAMLProvider"}, identityCenterProvider()),
		allowIf(byService, []string{"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy"}, identityCenterRoles()),
	}
}

func identityCenterProvider() *string {
	return awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:iam::${AWS::AccountId}:saml-provider/AWSSSO_*"), nil)
}

func identityCenterRoles() *string {
	return awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-reserved/sso.amazonaws.com/*"), nil)
}

// permit is like allow, with several actions separated by spaces.
func permit(actions string, resources ...*string) []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{allow(strings.Fields(actions), resources...)}
}

func allow(actions []string, resources ...*string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: &resources})
}

func allowIf(conditions map[string]any, actions []string, resources ...*string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings(actions...), Resources: &resources, Conditions: &conditions,
	})
}

func prefixed(prefix string, names []string) []string {
	long := make([]string, len(names))
	for i, name := range names {
		long[i] = prefix + name
	}
	return long
}

func join(statements ...[]awsiam.PolicyStatement) []awsiam.PolicyStatement {
	return slices.Concat(statements...)
}
