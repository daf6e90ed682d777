// How many events XState's actor takes a second: `node xstate.mjs flat|parallel SECONDS`. Prints the rate.
import { createActor, createMachine } from "xstate";

const STATES = 6;
const ring = (guard) => ({
  initial: "s0",
  states: Object.fromEntries(Array.from({ length: STATES }, (_, number) => [
    `s${number}`, { on: { NEXT: { target: `s${(number + 1) % STATES}`, ...guard } } },
  ])),
});
const MACHINES = {
  flat: { context: { limit: 100 }, ...ring({ guard: ({ context, event }) => event.amount <= context.limit }) },
  parallel: { type: "parallel", states: { a: ring({}), b: ring({}), c: ring({}) } },
};

const [, , kind, seconds] = process.argv;
const actor = createActor(createMachine(MACHINES[kind])).start();
const round = (until) => {
  let count = 0;
  while (performance.now() < until) {
    for (let number = 0; number < 1_000; number += 1) actor.send({ type: "NEXT", amount: 50 });
    count += 1_000;
  }
  return count;
};
round(performance.now() + 500);
const began = performance.now();
const count = round(began + 1_000 * Number(seconds));
console.log((count * 1_000) / (performance.now() - began));
