// Runs machines under XState. With --serve: a line {machine, events} in, a line {states} out, until the input ends.
//
// `machine` is an XState config in which guards, assignments and raised events stand in the small forms that
// tests/differential/translation.py writes; here they become XState's own. After the start and after each event: the
// paths of the active leaves in document order, the context, and XState's status. `error` says what XState threw.
import { createInterface } from "node:readline";
import { and, assign, createActor, createMachine, not, or, raise, SimulatedClock, stateIn } from "xstate";

const ROUNDS = 200; // beyond our own limit of 100 microsteps, so that a loop ends here too

const TESTS = {
  flag: ({ context }, [field, value]) => context[field] === value,
  less: ({ context }, [field, value]) => context[field] < value,
  event: ({ event }, [field, value]) => event[field] === value,
};

function guard(form) {
  const [[kind, rest]] = Object.entries(form);
  switch (kind) {
    case "in": return stateIn(rest);
    case "not": return not(guard(rest));
    case "all": return and(rest.map(guard));
    case "any": return or(rest.map(guard));
    default: return { type: kind, params: rest };
  }
}

function computed(value, context, event) {
  if (value === null || typeof value !== "object") return value;
  if ("unset" in value) return undefined;
  if ("plus" in value) return context[value.plus[0]] + value.plus[1];
  throw new Error(`no value: ${JSON.stringify(value)}`);
}

function action(form) {
  switch (form.type) {
    case "patch":
      return assign(({ context }) =>
        Object.fromEntries(Object.entries(form.fields).map(([field, value]) => [field, computed(value, context)])));
    case "keep":
      return assign(({ event }) => Object.fromEntries(form.fields.filter((f) => f in event).map((f) => [f, event[f]])));
    case "raise":
      return raise(form.event);
    default:
      throw new Error(`no action: ${form.type}`);
  }
}

function branch(form) {
  const { guard: asked, actions, ...rest } = form;
  if (asked !== undefined) rest.guard = guard(asked);
  if (actions !== undefined) rest.actions = actions.map(action);
  return rest;
}

const branches = (on) => Object.fromEntries(Object.entries(on).map(([key, list]) => [key, list.map(branch)]));

function node(form) {
  const made = { ...form };
  for (const key of ["on", "after"]) if (form[key]) made[key] = branches(form[key]);
  for (const key of ["always", "onDone"]) if (form[key]) made[key] = form[key].map(branch);
  for (const key of ["entry", "exit"]) if (form[key]) made[key] = form[key].map(action);
  if (form.states) {
    made.states = Object.fromEntries(Object.entries(form.states).map(([name, state]) => [name, node(state)]));
  }
  return made;
}

function seen(snapshot) {
  const leaves = snapshot._nodes
    .filter((each) => each.type === "atomic" || each.type === "final")
    .sort((one, other) => one.order - other.order)
    .map((each) => each.path.join("."));
  return { leaves, context: snapshot.context, status: snapshot.status };
}

export function started(config, clock = new SimulatedClock()) {
  const machine = createMachine({ ...node(config), options: { maxIterations: ROUNDS } }, { guards: TESTS });
  const actor = createActor(machine, { clock });
  actor.subscribe({ error: () => {} }); // else it is thrown once more, where nobody catches it
  actor.start();
  return { actor, clock };
}

function run({ machine, events }) {
  const states = [];
  try {
    const { actor, clock } = started(machine);
    const look = () => {
      const snapshot = actor.getSnapshot();
      if (snapshot.status === "error") throw snapshot.error;
      states.push(seen(snapshot));
    };
    look();
    for (const event of events) {
      if ("wait_s" in event) for (let s = 0; s < event.wait_s; s += 1) clock.increment(1_000);
      else actor.send(event);
      look();
    }
    return { states };
  } catch (error) {
    return { states, error: String(error) };
  }
}

if (process.argv[2] === "--serve") {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(run(JSON.parse(line))) + "\n");
  }
}
