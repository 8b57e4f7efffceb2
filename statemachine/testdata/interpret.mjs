// Plays executions of a state machine with aws-local-stepfunctions, which shares
// no code with the interpreters of the other tests.
//
// Standard input: {"definition": …, "input": …, "runs": [{STATE: [ANSWER…]}…]},
// an answer being {"result": …}, {"error": NAME} or {"never": true}. A task's
// answers are used up in turn, and its last one stays. Waits and retries take no
// time; timeouts do.
// Standard output: for each run {"states": [NAME…], "output": …, "error": TEXT,
// "payloads": {STATE: [PAYLOAD…]}}.
import { text } from "node:stream/consumers";

// The interpreter asks for Node 22. This is all that it lacks in Node 20.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new Promise((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
};
const { StateMachine } = await import("aws-local-stepfunctions");

const { definition, input, runs } = JSON.parse(await text(process.stdin));

const machines = (machine) => [machine, ...Object.values(machine.States).flatMap((s) => (s.Branches ?? []).flatMap(machines))];
const states = machines(definition).flatMap((machine) => Object.entries(machine.States));
const where = (wanted, value) => Object.fromEntries(states.filter(([, s]) => wanted(s)).map(([name]) => [name, value]));

// Two differences from AWS. The interpreter reads ResultPath "$", which is the
// default, as the name of a field. And it looks for TimeoutSecondsPath in what
// Parameters make; AWS looks in the state's input (Timeout.at in the reference
// of the CDK's aws_stepfunctions).
for (const [, state] of states) {
  if (state.ResultPath === "$") delete state.ResultPath;
  if (state.TimeoutSecondsPath) {
    state.Parameters["timeout.$"] = state.TimeoutSecondsPath;
    state.TimeoutSecondsPath = "$.timeout";
  }
}

async function play(script) {
  const payloads = {};
  const handlers = {};
  for (const [name, state] of states.filter(([, s]) => s.Type === "Task")) {
    const answers = [...(script[name] ?? [{ error: "NotExpected" }])];
    handlers[name] = async (parameters) => {
      (payloads[name] ??= []).push(parameters.Payload ?? parameters);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer.never) return new Promise(() => {});
      if (answer.error) throw Object.assign(new Error("scripted"), { name: answer.error });
      // What resumes a token is the whole result; Lambda wraps a function's.
      return state.Resource.endsWith(".waitForTaskToken") ? answer.result : { Payload: answer.result };
    };
  }
  const execution = new StateMachine(definition).run(input, {
    overrides: {
      taskResourceLocalHandlers: handlers,
      waitTimeOverrides: where((s) => s.Type === "Wait", 0),
      retryIntervalOverrides: where((s) => s.Retry, 0),
    },
    context: {
      Execution: { Id: "execution-arn", Name: "execution" },
      StateMachine: { Id: "machine-arn" },
      State: { Name: "state", EnteredTime: "2026-01-01T00:00:00Z" },
      Task: { Token: "token" },
    },
  });
  const entered = [];
  const watch = (async () => {
    for await (const event of execution.eventLogs) {
      if (event.type.endsWith("StateEntered")) entered.push(event.state.name);
    }
  })();
  const ended = await execution.result.then(
    (output) => ({ output }),
    (error) => ({ error: error.message }),
  );
  await watch;
  return { states: entered, payloads, ...ended };
}

const played = JSON.stringify(await Promise.all(runs.map(play)));
process.stdout.write(played, () => process.exit(0)); // tasks that never answer would keep it
