import { longestOutage } from "../../lab/traffic";

const answer = (at: number) => ({ at, rtt: 1, via: "10.0.0.1", seq: 1 });

test.each([
  ["between two answers", undefined, [1010, 1020, 1500, 1600], { ms: 480, began: 1020 }],
  ["before the first answer, from the start", undefined, [1700, 1800, 1990], { ms: 700, began: 1000 }],
  [
    "before the first answer, from the last one before the start",
    answer(900),
    [1700, 1990],
    { ms: 800, began: 900 },
  ],
  ["up to the end", undefined, [1010, 1100], { ms: 900, began: 1100 }],
  ["all of it without any answer", undefined, [], { ms: 1000, began: 1000 }],
  ["the first of two that are as long", undefined, [1400, 1600, 2000], { ms: 400, began: 1000 }],
])("the longest time without an answer: %s", (_, before, answers, expected) => {
  expect(longestOutage({ before, answers: answers.map(answer) }, 1000, 2000)).toEqual(expected);
});
