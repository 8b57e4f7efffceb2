package docs

// reason says why a caller makes a call, however often.
type reason struct{ caller, call, why string }

// noFunction names the caller "", by the service that it calls.
var noFunction = map[string]string{"HTTPAPI": "Slack", "Lambda": "Step Functions"}

// reasons has one reason for each counted call, in the order of a request.
var reasons = []reason{
	{"", "HTTPAPI.POST", "what people do in Slack: the shortcut, two lists and two choices in the form, its submission, the press of Approve, and the dialog that confirms it"},
	{"", "Lambda.evaluate", "the state Evaluate"},
	{"", "Lambda.notify", "the states Announce, NotifyGranted and NotifyRevoked"},
	{"", "Lambda.await", "the states AwaitApproval and AwaitEnd"},
	{"", "Lambda.grant", "the states Grant and ConfirmGrant: Identity Center continues after Grant, and the machine waits for it"},
	{"", "Lambda.audit", "the states AuditGrant, AuditRevoke and Close"},
	{"", "Lambda.revoke", "the states Revoke and ConfirmRevoke, as for the grant"},

	{"ingress", "AmazonSSM.GetParameters", "the signing secrets (one, unless it is being changed) and the bot's token, kept for five minutes, and the pointer to the policy in force, kept for a minute, in one call"},
	{"ingress", "Slack.chat.update", "shows at once who approved, without buttons"},
	{"ingress", "Slack.views.open", "opens a loading form at once: Slack's trigger id lives for three seconds. Later it opens the dialog that confirms the approval"},
	{"ingress", "Slack.users.info", "checks that the requester is a full member, and reads their email, kept for a minute. At the press, which opens the dialog, it checks the approver, and the requester again if a minute has passed. At the dialog it checks both, without a cache"},
	{"ingress", "Slack.users.lookupByEmail", "finds up to ten approvers in Slack, so that the form can warn if nobody is there; kept for ten minutes"},
	{"ingress", "AWSIdentityStore.DescribeUser", "checks that the user whom the index names is enabled and has that email: the index alone is not trusted. At the dialog it checks both people without a cache"},
	{"ingress", "Slack.views.update", "shows the form once the person may request; after each choice, shows the next list and a preview of the decision"},
	{"ingress", "S3.GET", "the policy in force, kept until the pointer names another; the catalog and the index of emails, kept for a minute"},
	{"ingress", "DynamoDB.PutItem", "the claim, so that nobody has two undecided requests for one target. It is written without a read, on condition that the person has none; then the request's row, before anything starts, because every later step reads it"},
	{"ingress", "AWSStepFunctions.StartExecution", "starts the request's execution"},
	{"ingress", "DynamoDB.GetItem", "the lease in the form, to find what the request extends. At submit, who is blocked. At the press, the request's row. At the dialog, the row again, and who is blocked. The row again after the message was updated, in case the updates came in the wrong order"},
	{"ingress", "DynamoDB.UpdateItem", "writes decision and event in one write, on condition that nobody decided before"},
	{"ingress", "AWSStepFunctions.SendTaskSuccess", "ends the wait now instead of at the next reminder or the expiry. If the press comes before the token, `await` makes this call when it stores the token"},
	{"ingress", "DynamoDB.DeleteItem", "deletes the person's claims without a read, on condition that this is the only one: the target can be requested again"},

	{"evaluate evaluate", "DynamoDB.GetItem", "the row: only the request's id is taken from the execution's input; the lease: whether the request is an extension; who is blocked"},
	{"evaluate evaluate", "AmazonSSM.GetParameters", "the bot's token and the pointer to the policy in force, in one call"},
	{"evaluate evaluate", "Slack.users.info", "checks that the requester is still a full member: an execution may evaluate long after the form"},
	{"evaluate evaluate", "AWSIdentityStore.DescribeUser", "checks that the user who gets the access is enabled and has that email, as Identity Center has them now"},
	{"evaluate evaluate", "S3.GET", "the policy in force; the catalog, which says which account manages the organization, how long sessions last, and where the access portal is; the index of emails"},
	{"evaluate evaluate", "Slack.users.lookupByEmail", "finds each approver in Slack, to mention them; kept for ten minutes"},
	{"evaluate evaluate", "DynamoDB.Query", "the person's earlier requests: the message shows approvers how often this person had the access"},
	{"evaluate evaluate", "DynamoDB.UpdateItem", "writes requester, approvers and expiry, which later states, buttons and the minute check use"},

	{"notify announce", "DynamoDB.GetItem", "the row, from which the message is made"},
	{"notify announce", "AmazonSSM.GetParameter", "the bot's token, kept for five minutes"},
	{"notify announce", "DynamoDB.UpdateItem", "one before the message and one after it: so a retry knows that a message may have been sent, and searches Slack before it posts again"},
	{"notify announce", "Slack.chat.postMessage", "posts the message with the buttons, which mentions the approvers"},
	{"notify announce", "Slack.conversations.members", "whether approvers are outside the channel. If they are, the message is updated to say so"},

	{"await approval", "DynamoDB.UpdateItem", "stores the token for the button, on condition that the execution is the request's own; the answer shows whether someone pressed before"},

	{"grant start", "AWSIdentityStore.DescribeUser", "checks that the users of requester and approver are enabled right now"},
	{"grant start", "DynamoDB.GetItem", "the row, which has the decision; who is blocked; the lease; the row and the blocks again after the lease is written, so that grant can't miss a removal or a block"},
	{"grant start", "AmazonSSM.GetParameter", "the pointer to the policy in force, perhaps long after the request was evaluated"},
	{"grant start", "S3.GET", "the policy, which must still permit the decision; the catalog, which says which account manages the organization; the index of emails, to check that no other user shares the requester's or approver's"},
	{"grant start", "SWBExternalService.DescribePermissionSet", "checks that the ARN in the row belongs to the permission set that the policy names"},
	{"grant start", "SWBExternalService.ListAccountAssignments", "checks whether the access exists without a lease: then someone else created it, and it must not be removed at the end"},
	{"grant start", "DynamoDB.PutItem", "the lease: before the creation, with the time until which the creation may take effect; after it, with the operation's id"},
	{"grant start", "SWBExternalService.CreateAccountAssignment", "creates the access"},

	{"grant confirm", "DynamoDB.GetItem", "the row; the lease, with the operation's id; who is blocked, before and after the access is recorded"},
	{"grant confirm", "SWBExternalService.DescribeAccountAssignmentCreationStatus", "checks the creation until it is done"},
	{"grant confirm", "SWBExternalService.ListAccountAssignments", "checks that the access really exists"},
	{"grant confirm", "DynamoDB.UpdateItem", "writes the start and the end, with the event, unless a removal has begun"},
	{"grant confirm", "DynamoDB.PutItem", "marks the lease as held, and due at the same end: until then the minute check can skip it"},

	{"audit granted", "DynamoDB.GetItem", "the row: whether the access was granted, until when, and its events"},
	{"audit granted", "S3.PUT", "one record each for requested, approved and granted; a copy of the policy beside them, once for each process and policy"},
	{"audit granted", "DynamoDB.UpdateItem", "counts the recorded events"},
	{"audit granted", "AmazonSSM.GetParameter", "the pointer to the policy in force, to copy that policy"},
	{"audit granted", "S3.GET", "the policy, for the copy"},

	{"await end", "DynamoDB.UpdateItem", "stores the token for \"End now\", on the same condition; the answer shows whether someone ended the access before"},

	{"notify granted", "DynamoDB.GetItem", "the row, from which the messages are made, and which message to update"},
	{"notify granted", "DynamoDB.UpdateItem", "one before the message in the thread, which also notes the content of the channel's message, and one after it"},
	{"notify granted", "Slack.chat.update", "turns the channel's message green, with End now instead of Approve and Deny"},
	{"notify granted", "Slack.chat.postMessage", "tells the requester in the thread: Slack notifies nobody of an update"},

	{"revoke start", "DynamoDB.UpdateItem", "writes that the removal has begun, before the lease is read: from now on nothing is granted"},
	{"revoke start", "DynamoDB.GetItem", "the lease: who else holds the access"},
	{"revoke start", "SWBExternalService.ListAccountAssignments", "checks whether there is anything to remove"},
	{"revoke start", "DynamoDB.PutItem", "marks the lease as being deleted, so that nobody joins it, and writes until when the deletion may take effect; after the deletion, its operation's id"},
	{"revoke start", "SWBExternalService.DeleteAccountAssignment", "removes the access"},

	{"revoke confirm", "DynamoDB.UpdateItem", "writes the beginning once more and reads the row with it, so that no removal continues without a row; then writes how it ended, with the event"},
	{"revoke confirm", "SWBExternalService.ListAccountAssignments", "checks that the access is really gone"},
	{"revoke confirm", "SWBExternalService.DescribeAccountAssignmentDeletionStatus", "checks the deletion until it is done"},
	{"revoke confirm", "SWBExternalService.ListAccountAssignmentCreationStatus", "checks that no pending creation would bring the access back"},
	{"revoke confirm", "DynamoDB.DeleteItem", "deletes the lease: only now can others create the same access"},

	{"audit revoked", "DynamoDB.GetItem", "the row: whether the access was removed, how, and its events"},
	{"audit revoked", "S3.PUT", "the record that the access is gone"},
	{"audit revoked", "DynamoDB.UpdateItem", "counts the recorded events"},

	{"notify revoked", "DynamoDB.GetItem", "the row, from which the message is made, and which message to update"},
	{"notify revoked", "DynamoDB.UpdateItem", "note the content of the two messages"},
	{"notify revoked", "Slack.chat.update", "the channel's message says that the access is removed, and loses its button. The reply about the access says that it has ended"},

	{"audit close", "DynamoDB.UpdateItem", "closes the request and takes it out of the index: the minute check stops looking for it. The process that recorded the removal knows the row, and the write checks it"},
}
