import { constants } from "node:os";
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

test("a file that was replaced while it was opened is opened again, but not for ever", async () => {
  expect(await unlessStale(failing())).toBe("value");
  expect(await unlessStale(failing(STALE, STALE))).toBe("value");
  await expect(unlessStale(failing(STALE, STALE, STALE))).rejects.toBe(STALE);
});

test("any other error is told at once", async () => {
  const other = systemError(constants.errno.EIO);
  await expect(unlessStale(failing(other))).rejects.toBe(other);
  await expect(unlessStale(failing(STALE, other))).rejects.toBe(other);
});
