/**
 * Says each test as it ends, where jest itself says something only at the end of its file: in the virtual machine one file takes up
 * to an hour. A jest reporter (https://jestjs.io/docs/configuration#reporters-arraymodulename--modulename-options).
 */
module.exports = class Progress {
  onTestFileStart({ path }) {
    console.error(`wgc: ${path.replace(/.*\/tests\//, "")} ...`);
  }

  onTestCaseResult(_file, { status, title, duration }) {
    const seconds = duration === undefined || duration === null ? "" : ` (${(duration / 1000).toFixed(1)} s)`;
    console.error(`wgc: ${status}: ${title}${seconds}`);
  }
};
