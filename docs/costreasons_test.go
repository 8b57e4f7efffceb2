package docs

// reason is why a caller makes a call, however often.
type reason struct{ caller, call, why string }

// noFunction are the callers "", by the service that they call.
var noFunction = map[string]string{"HTTPAPI": "Slack", "Lambda": "Step Functions"}

// reasons has one for each call that was counted, in the order in which a request
// comes by.
var reasons = []reason{
	{"", "HTTPAPI.POST", "what a person does in Slack: the shortcut, two lists asked for and two choices made in the form, its submission, the press of Approve"},
	{"", "Lambda.evaluate", "the state Evaluate"},
	{"", "Lambda.notify", "the states Announce, NotifyGranted and NotifyRevoked"},
	{"", "Lambda.await", "the states AwaitApproval and AwaitEnd"},
	{"", "Lambda.grant", "the states Grant and ConfirmGrant: Identity Center works on after the first, and waiting for it is the machine's"},
	{"", "Lambda.audit", "the states AuditGrant, AuditRevoke and Close"},
	{"", "Lambda.revoke", "the states Revoke and ConfirmRevoke, as for the grant"},

	{"ingress", "AmazonSSM.GetParameter", "two secrets that Slack may sign with (one, unless it is being changed) and the bot's token, kept for five minutes; which policy is in force, kept for one"},
	{"ingress", "Slack.views.open", "a form that says it is loading, at once: Slack's trigger is good for three seconds"},
	{"ingress", "Slack.users.info", "whether the requester is a full member, and which email they have, kept for a minute; at the press the same of the approver, and of the requester once more"},
	{"ingress", "SWBExternalService.ListInstances", "which instance and identity store there are; once for each process"},
	{"ingress", "AWSIdentityStore.GetUserId", "the user with that email, of the requester, and at the press of both: nobody is believed to be there still"},
	{"ingress", "AWSIdentityStore.DescribeUser", "whether that user is enabled and does have the email: the search alone is not believed"},
	{"ingress", "Slack.views.update", "the form, once it is known that the person may ask; and after each choice the next list, and what will become of the request"},
	{"ingress", "S3.GET", "the policy in force, kept until the pointer names another; the catalog and the index of emails, kept for a minute"},
	{"ingress", "DynamoDB.PutItem", "the claim of the target, so that nobody has two undecided requests for it; the request's row, before anything is started: it is what everything after it believes"},
	{"ingress", "AWSStepFunctions.StartExecution", "the execution that does the rest"},
	{"ingress", "DynamoDB.GetItem", "what the person has claimed; the row that the button belongs to: whether it is still open, and what the policy is to be asked about; the claims again, to free this one"},
	{"ingress", "DynamoDB.UpdateItem", "decision and event in one write, under the condition that nobody was faster"},
	{"ingress", "AWSStepFunctions.SendTaskSuccess", "the wait ends now, and not with the next reminder or the expiry. If the press is faster than the token, `await` makes this call instead, when it stores the token"},
	{"ingress", "DynamoDB.DeleteItem", "the person's claims, where this was the only one: the target can be requested again"},

	{"evaluate evaluate", "DynamoDB.GetItem", "the row: the execution's input is not believed beyond the request's id"},
	{"evaluate evaluate", "AmazonSSM.GetParameter", "the bot's token; which policy is in force"},
	{"evaluate evaluate", "Slack.users.info", "who asks, and whether they still are a full member: an execution that could not evaluate at once may do so long after the form"},
	{"evaluate evaluate", "SWBExternalService.ListInstances", "once for each process"},
	{"evaluate evaluate", "AWSIdentityStore.GetUserId", "the principal that the access will be made for, as Identity Center has it now"},
	{"evaluate evaluate", "AWSIdentityStore.DescribeUser", "whether that user is enabled and does have the email"},
	{"evaluate evaluate", "S3.GET", "the policy in force; the catalog, for which account manages the organization; the index of emails"},
	{"evaluate evaluate", "Slack.users.lookupByEmail", "whom to tag, once for each approver; kept for ten minutes"},
	{"evaluate evaluate", "DynamoDB.UpdateItem", "requester, approvers and expiry: later states, buttons and the sweep go by them"},

	{"notify announce", "DynamoDB.GetItem", "what the message says"},
	{"notify announce", "AmazonSSM.GetParameter", "the bot's token, kept for five minutes"},
	{"notify announce", "DynamoDB.UpdateItem", "one before the message and one after it: a repetition sees that one may have been sent, and looks in Slack before it sends another"},
	{"notify announce", "Slack.chat.postMessage", "the message with the buttons, which tags the approvers"},

	{"await approval", "DynamoDB.GetItem", "whether the execution is the row's own: another one's token would take the place of the right one"},
	{"await approval", "DynamoDB.UpdateItem", "the token for the button; the answer says whether somebody pressed before it was there"},

	{"grant start", "AWSIdentityStore.DescribeUser", "whether the users of requester and approver are enabled right now"},
	{"grant start", "DynamoDB.GetItem", "the row, which is all that counts; the lease; the row again, after the lease is written, so that of grant and removal one sees the other"},
	{"grant start", "AmazonSSM.GetParameter", "which policy is in force now, perhaps long after the request was evaluated"},
	{"grant start", "S3.GET", "the policy, which has to permit the decision still; the catalog, for which account manages the organization; the index of emails, for whether another user has the requester's or the approver's"},
	{"grant start", "SWBExternalService.ListInstances", "once for each process"},
	{"grant start", "SWBExternalService.DescribePermissionSet", "whether the ARN in the row is of the permission set that the policy was asked about by name"},
	{"grant start", "SWBExternalService.ListAccountAssignments", "whether the access is there without a lease: then it is not ours, and would be taken away at the end"},
	{"grant start", "DynamoDB.PutItem", "the lease, with the time until which the creation may still come down, before it; the operation's id after it"},
	{"grant start", "SWBExternalService.CreateAccountAssignment", "the access"},

	{"grant confirm", "DynamoDB.GetItem", "the row; the lease, with the operation's id"},
	{"grant confirm", "SWBExternalService.DescribeAccountAssignmentCreationStatus", "how far the creation is, until it is over"},
	{"grant confirm", "SWBExternalService.ListAccountAssignments", "the access is seen to exist, and not only said to have been made"},
	{"grant confirm", "DynamoDB.UpdateItem", "since when it is there and when it ends, with the event, unless a removal has begun"},
	{"grant confirm", "DynamoDB.PutItem", "the lease is held and due at the same end: until then the sweep need not look at it each minute"},

	{"audit granted", "DynamoDB.GetItem", "whether it was granted, and until when; which events it has"},
	{"audit granted", "S3.PUT", "a record each that it was requested, approved and granted; a copy of the policy beside them, once for each process and policy"},
	{"audit granted", "DynamoDB.UpdateItem", "how many events are recorded"},
	{"audit granted", "AmazonSSM.GetParameter", "which policy is in force, to keep a copy of it"},
	{"audit granted", "S3.GET", "the policy's bytes, for the copy"},

	{"await end", "DynamoDB.GetItem", "as for the approval"},
	{"await end", "DynamoDB.UpdateItem", "the token for \"End now\"; the answer says whether somebody wanted the end before"},

	{"notify granted", "DynamoDB.GetItem", "what the messages say, and that the one in the channel is there"},
	{"notify granted", "DynamoDB.UpdateItem", "what the message in the channel says now; one before and one after the word in the thread"},
	{"notify granted", "Slack.chat.update", "the message in the channel turns green, with a button for the end in place of those for the decision"},
	{"notify granted", "Slack.chat.postMessage", "the word to the requester, in the thread: nobody is told of an update"},

	{"revoke start", "DynamoDB.UpdateItem", "that the removal has begun, before it looks at the lease: from here on nothing is granted"},
	{"revoke start", "DynamoDB.GetItem", "the lease: who else holds the access"},
	{"revoke start", "SWBExternalService.ListInstances", "once for each process"},
	{"revoke start", "SWBExternalService.ListAccountAssignments", "whether there is something to remove"},
	{"revoke start", "DynamoDB.PutItem", "the lease is being deleted, so that nobody joins it; until when the deletion may still come down, before it; the operation's id after it"},
	{"revoke start", "SWBExternalService.DeleteAccountAssignment", "the access is taken away"},

	{"revoke confirm", "DynamoDB.UpdateItem", "the row as it is now, by the same write as at the start, so that no removal goes on without it; how it ended, with the event"},
	{"revoke confirm", "DynamoDB.GetItem", "the lease, with the deletion's id"},
	{"revoke confirm", "SWBExternalService.ListAccountAssignments", "whether a deletion is needed, should the start have got lost; the access is seen to be gone, and not only said to be"},
	{"revoke confirm", "SWBExternalService.DescribeAccountAssignmentDeletionStatus", "how far the deletion is, until it is over"},
	{"revoke confirm", "SWBExternalService.ListAccountAssignmentCreationStatus", "that nothing is on its way which would bring the access back"},
	{"revoke confirm", "DynamoDB.DeleteItem", "the lease is given up: only now may others make the same access"},

	{"audit revoked", "DynamoDB.GetItem", "whether it was removed, and how; which events it has"},
	{"audit revoked", "S3.PUT", "the record that the access is gone"},
	{"audit revoked", "DynamoDB.UpdateItem", "how many events are recorded"},

	{"notify revoked", "DynamoDB.GetItem", "what the message says, and that it is there"},
	{"notify revoked", "DynamoDB.UpdateItem", "what the message says now"},
	{"notify revoked", "Slack.chat.update", "the message in the channel says that it is over, and loses its button"},

	{"audit close", "DynamoDB.GetItem", "whether all is recorded and the access gone; whether the request still has a claim"},
	{"audit close", "DynamoDB.UpdateItem", "the request is over and leaves the index: the sweep stops looking for it"},
}
