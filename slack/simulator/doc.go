// Package simulator is a Slack workspace on this machine. It serves the part of the
// Web API that the app calls, sends Slack's requests to the app, and shows the
// workspace on a web page. It enforces the rules that Slack documents: signatures,
// the answer within 3 s, trigger ids, view hashes, the limits of Block Kit, and the
// error codes of the Web API.
//
// # Web API
//
// [Server.API] serves /api/<method>: auth.test, bots.info, chat.postMessage,
// chat.update, chat.postEphemeral, chat.getPermalink, views.open, views.update,
// views.push, views.publish, users.info, users.lookupByEmail, conversations.info, conversations.members,
// conversations.open, conversations.history, conversations.replies. It accepts form
// and JSON bodies. The token is a bearer token or the field "token". A response_url
// points to /api/response/<team>/<id> and accepts five answers within 30 minutes.
//
// # Driving it
//
// [Server.Page] serves the page and these endpoints. A POST needs a JSON body and the
// content type application/json. "person" is a Slack user id. An endpoint that makes
// Slack call the app answers with a [Result].
//
//	POST /sim/shortcut  {person, callback_id}
//	POST /sim/command   {person, command, text, channel}
//	POST /sim/suggest   {person, view_id, action_id, block_id?, query, values?}  → Result with options
//	POST /sim/press     {person, channel, ts, action_id, block_id?, value?, stale?}
//	                    a button of a message; with stale, also a button of an earlier
//	                    version of the message, as a slow client would press it
//	POST /sim/press     {person, view_id, action_id, block_id?, value?, option?, values?}  an
//	                    element of a form or of the Home tab
//	POST /sim/submit    {person, view_id, values?, unchecked?}
//	POST /sim/close     {person, view_id}
//	POST /sim/home      {person}  opens the app's Home tab. Slack sends an event, and
//	                    before the first one it verifies the request URL
//	POST /sim/say       {person, channel, thread_ts?, text}
//	POST /sim/read      {person, channel}
//	POST /sim/dismiss   {person, ts}  an ephemeral message
//	GET  /sim/state?person=U…&after=N  what the person sees; 204 while the version is N
//	GET  /sim/messages?channel=&person=&about=&metadata=1  all messages, or those that the
//	                    person sees; about is a part of the metadata
//	GET  /sim/views?person=U…  the person's open forms, the top one last
//	GET  /sim/home?person=U…   what the app published in the person's Home tab
//	GET  /sim/truth     [Truth], at most one second old
//	GET, POST /sim/experiments  see package experiments; only in a demo
//	GET, POST /sim/policy       see package policytab; only with an example organization
//	GET  /sim/deliveries  the requests to the app, and its answers; ?after=N
//	POST /sim/replay    {n, stale?}  sends delivery n again, with a new signature or, if
//	                    stale, with the old timestamp and signature
//	POST /sim/faults    {method, error, count, delay, retry_after, lost, match}
//	GET, DELETE /sim/faults  DELETE with ?match=… removes only the faults with that match
//
// A result's "opened" is the id of the modal that the app opened with this interaction's
// trigger id.
//
// The keys of "values" are action ids. If an action id occurs twice, the key is
// "block_id/action_id". Each value is the text of an input, or the value of an option
// that the form offers. A select that loads from the app accepts only options that the
// app has offered to this form, so call suggest first. "unchecked" sends input that no
// Slack client would send: options that were not offered, empty required fields, texts
// of any length.
//
// A fault affects the next "count" calls of a method (default 1; -1: until deleted).
// The method is a Web API method, "*" for any of them, "response_url", or "request"
// for the requests to the app. The error is a Web API error code, "ratelimited" for
// HTTP 429 with Retry-After, or "http_500" or another status. An empty error only
// delays the call. "lost" executes the call, and drops the connection after the delay. "match" is
// a part of the call's arguments, such as a request's id; other calls succeed. For
// "request", the error "timeout" or "unreachable" is shown to the person, and the app
// is not called.
//
// # The page
//
// Browser tests can rely on these selectors:
//
//	#person                              select: the current person; also ?person=U… in the address
//	.rail [data-person="U…"]             the same as buttons; .badge counts unread mentions
//	                                     and direct messages
//	.sidebar [data-conversation="C…"]    channel and direct messages
//	#composer [data-command="/access"]   runs the command; #composer-text accepts typed commands, too
//	#composer [data-shortcut="request_for_access"]
//	                                     the same for groups: /group-access and
//	                                     request_for_group_membership
//	#composer-text, #composer-send
//	[data-tab-of-app="home"]             the Home tab of the app, in its direct messages;
//	                                     "messages" is the other one
//	#home[data-view-id]                  the content of the Home tab, with the elements of blocks
//	.message[data-ts][data-channel]      one message; .ephemeral if only the current person
//	                                     sees it; .replies contains its thread
//	[data-action-id="…"]                 a button or select of a block, with data-block-id;
//	                                     a button also has data-value
//	.modal[data-view-id]                 the form; [data-submit], [data-close];
//	                                     .field[data-block-id], .field-error inside it
//	.modal [data-action-id="…"] input    type-ahead of a select, with the options
//	                                     [role="option"][data-value]; textarea or input for texts
//	[data-emoji="large_green_circle"]    an emoji, whether sent as ":name:" or as a character
//	.block-unknown                       a block or element that the page cannot draw
//	#tour [data-key="request"]           the steps of a demo: request, approve, watch; with
//	                                     data-state todo, current or done; breakIt at the end
//	#tabs [data-show="policy"]           the tab on which people try a policy, or "slack"; on a
//	                                     narrow page also "truth", which is the panel
//	#truth                               the actual state: #access with [data-assignment],
//	                                     [data-membership] and a countdown [data-until];
//	                                     [data-execution] with [data-step][data-status] and
//	                                     [data-state]; [data-audit]
//	#execution-NAME                      one execution; the address #execution-NAME opens it
//	#runs                                the executions of no request, as in #executions
//	#new-messages                        visible if there are new messages below
//	#slack-down                          visible while an experiment makes Slack fail
//	#break [data-experiment="stop"]      an experiment, with data-state; a button inside it
//	#policy                              the tab: #policy-text, #policy-problems with
//	                                     [data-line], #policy-decision, #policy-changes; the
//	                                     address #policy opens it
//	body[data-version]                   increases with every change that the page has drawn
package simulator
