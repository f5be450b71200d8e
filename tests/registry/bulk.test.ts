import fs, { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { readMany } from "../../registry/bulk";
import { RegistryError } from "../../registry/errors";

const folder = mkdtempSync(join(tmpdir(), "wgc-bulk-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => jest.restoreAllMocks());

/** Two slices and a bit, with a file that does not exist and a folder in a file's place in each. */
const paths = Array.from({ length: 300 }, (_, index) => join(folder, `file-${index}`));
const [ABSENT, FOLDER] = [new Set([3, 150, 299]), new Set([5, 160, 298])];
for (const [index, path] of paths.entries()) {
  if (FOLDER.has(index)) mkdirSync(path);
  else if (!ABSENT.has(index)) writeFileSync(path, `text ${index}`);
}

async function read(): Promise<unknown[]> {
  const seen: unknown[] = [];
  await readMany(paths, (text, index) => {
    expect(index).toBe(seen.length);
    seen.push(text instanceof RegistryError ? `${text.path} ${text.problem}` : text);
  });
  return seen;
}

const EXPECTED = paths.map((path, index) => {
  if (ABSENT.has(index)) return undefined;
  return FOLDER.has(index) ? `${path} is a folder, not a file` : `text ${index}`;
});

/** From the call with this number on, each reading of the clock is a second later than the one before. */
function slowFrom(reading: number): void {
  let calls = 0;
  jest.spyOn(performance, "now").mockImplementation(() => 1000 * Math.max(0, ++calls - reading));
}

test("a quick storage is read file by file, in order", async () => {
  const one = jest.spyOn(fs, "readFileSync");
  jest.spyOn(performance, "now").mockReturnValue(0);
  expect(await read()).toEqual(EXPECTED);
  expect(one).toHaveBeenCalledTimes(300);
});

test.each([
  ["from the first file on", 1, 1],
  ["from the middle of the second slice on", 180, 179],
])(
  "a storage that is slow %s is asked for many files at once; the answer is the same",
  async (_, from, singly) => {
    const one = jest.spyOn(fs, "readFileSync");
    const waiting = { now: 0, most: 0 };
    const original = fs.promises.readFile;
    jest.spyOn(fs.promises, "readFile").mockImplementation(async (...args) => {
      waiting.most = Math.max(waiting.most, ++waiting.now);
      return original(...args).finally(() => waiting.now--);
    });
    slowFrom(from);
    expect(await read()).toEqual(EXPECTED);
    expect(one).toHaveBeenCalledTimes(singly);
    expect(waiting.most).toBeGreaterThan(40);
  },
);

const stale = Object.assign(new Error("ESTALE"), { errno: -constants.errno.ESTALE });
const absent = Object.assign(new Error("ENOENT"), { code: "ENOENT" });
const broken = Object.assign(new Error("EIO"), { code: "EIO" });

test.each([
  ["a file that a network's client remembers as absent", absent],
  ["a file that was replaced while it was opened", stale],
])("%s is asked for once more, with care", async (_, error) => {
  const original = fs.readFileSync;
  jest.spyOn(fs, "readFileSync").mockImplementation((path) => {
    if (path === paths[7]) throw error;
    return original(path, "utf8");
  });
  expect(await read()).toEqual(EXPECTED);
});

test("an error that may be about every file ends the reading", async () => {
  jest.spyOn(fs, "readFileSync").mockImplementation(() => {
    throw broken;
  });
  await expect(read()).rejects.toBe(broken);
});
