// Package simulator is a Slack workspace on this machine: the part of the Web
// API that the app calls, the requests that Slack sends to the app, and a page
// in the browser on which people press, type and read. It holds the app to what
// Slack documents: signatures, the answer within 3 s, trigger ids, view hashes,
// limits of Block Kit, and the error codes of the Web API.
//
// # Web API
//
// [Server.API] serves /api/<method>: auth.test, bots.info, chat.postMessage,
// chat.update, chat.postEphemeral, chat.getPermalink, views.open, views.update,
// users.info, users.lookupByEmail, conversations.info, conversations.members,
// conversations.open, conversations.history, conversations.replies. It takes form and JSON bodies,
// the token as bearer or as the field "token". /api/response/<id> is what
// response_url points to: five answers within 30 minutes.
//
// # Driving it
//
// [Server.Page] serves the page and these endpoints. A POST has a JSON body and
// the content type application/json; "person" is a Slack user id. An endpoint
// that makes Slack talk to the app answers [Result].
//
//	POST /sim/shortcut  {person, callback_id}
//	POST /sim/command   {person, command, text, channel}
//	POST /sim/suggest   {person, view_id, action_id, block_id?, query, values?}  → Result with options
//	POST /sim/press     {person, channel, ts, action_id, block_id?, value?, stale?}
//	                    a button of a message; stale also takes one that an earlier
//	                    version of the message had, as a slow client would press it
//	POST /sim/press     {person, view_id, action_id, block_id?, option?, values?}  an element of a form
//	POST /sim/submit    {person, view_id, values?, unchecked?}
//	POST /sim/close     {person, view_id}
//	POST /sim/say       {person, channel, thread_ts?, text}
//	POST /sim/read      {person, channel}
//	POST /sim/dismiss   {person, ts}  an ephemeral message
//	GET  /sim/state?person=U…&after=N  what the person sees; 204 while the version is N
//	GET  /sim/messages?channel=&person=&about=&metadata=1  all, or what the person sees; about is a part of their metadata
//	GET  /sim/views?person=U…  the person's open forms, the one on top last
//	GET  /sim/truth     [Truth], at most one second old
//	GET  /sim/deliveries  what was sent to the app, and its answers; ?after=N
//	POST /sim/replay    {n, stale?}  sends delivery n again: signed anew, or with
//	                    the old timestamp and signature where stale
//	POST /sim/faults    {method, error, count, delay, retry_after, lost, match}
//	GET, DELETE /sim/faults  DELETE with ?match=… forgets those with that match
//
// In "values", what is typed or chosen is named by action id, or by
// "block_id/action_id" where an action id occurs twice: a string is the text of
// an input or the value of an option that the form offers. A select that loads
// from the app only takes what the app has offered to this form, so a suggest
// comes first; "unchecked" sends what no Slack client would: options that were
// not offered, required fields left empty, texts of any length.
//
// A fault hits the next "count" calls (default 1; -1 until deleted) of a method
// ("*": any; "response_url"; "request": what goes out to the app). Its error is a
// Web API error code, "ratelimited" for HTTP 429 with Retry-After, "http_500" or
// another status, or empty for a delay only. "lost" carries the call out and
// then drops the connection. "match" is a part of the call's arguments, such as
// a request's id: other calls go through. For "request", error "timeout" or "unreachable"
// is what the person gets to see without the app being asked.
//
// # The page
//
// What a browser test holds on to:
//
//	#person                              select: who I am; also ?person=U… in the address
//	.rail [data-person="U…"]             the same as buttons; .badge is what waits there
//	.sidebar [data-conversation="C…"]    channel and direct messages
//	#composer [data-command="/access"]   runs the command; #composer-text takes typed ones too
//	#composer [data-shortcut="request_for_access"]
//	                                     the same for groups: /group-access and
//	                                     request_for_group_membership
//	#composer-text, #composer-send
//	.message[data-ts][data-channel]      one message; .ephemeral where only I see it;
//	                                     .replies holds its thread
//	[data-action-id="…"]                 a button or select of a block; data-block-id beside it,
//	                                     data-value on a button
//	.modal[data-view-id]                 the form; [data-submit], [data-close];
//	                                     .field[data-block-id], .field-error inside it
//	.modal [data-action-id="…"] input    type-ahead of a select; [role="option"][data-value] are
//	                                     its options; textarea or input for texts
//	[data-emoji="large_green_circle"]    an emoji, whether sent as ":name:" or as a character
//	.block-unknown                       a block or element the renderer does not know
//	#truth                               what is true right now: [data-assignment],
//	                                     [data-membership], [data-execution] with [data-state],
//	                                     [data-audit]
//	body[data-version]                   goes up with every change that was drawn
package simulator
