import { promises as fs } from "node:fs";
import { constants, tmpdir } from "node:os";
import { unlessStale } from "../../registry/files";

const systemError = (errno: number) => Object.assign(new Error(`error ${errno}`), { errno: -errno });
const STALE = systemError(constants.errno.ESTALE);

/** Fails with each of the errors in turn, then gives a value. */
function failing(...errors: readonly Error[]) {
  const left = [...errors];
  return async () => {
    const error = left.shift();
    if (error !== undefined) throw error;
    return "value";
  };
}

const FOLDER = tmpdir();
const times = (count: number) => Array.from({ length: count }, () => STALE);

test("a file that was replaced while it was opened is opened again, after its folder, but not for ever", async () => {
  const open = jest.spyOn(fs, "open");
  expect(await unlessStale(FOLDER, failing())).toBe("value");
  expect(open).not.toHaveBeenCalled();
  expect(await unlessStale(FOLDER, failing(...times(7)))).toBe("value");
  expect(open.mock.calls).toEqual(Array.from({ length: 7 }, () => [FOLDER, "r"]));
  open.mockRestore();
  await expect(unlessStale(FOLDER, failing(...times(8)))).rejects.toBe(STALE);
});

test("any other error is told at once", async () => {
  const other = systemError(constants.errno.EIO);
  await expect(unlessStale(FOLDER, failing(other))).rejects.toBe(other);
  await expect(unlessStale(FOLDER, failing(STALE, other))).rejects.toBe(other);
});
