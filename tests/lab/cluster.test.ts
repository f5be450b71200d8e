import { Cluster } from "./cluster";
import { outageTests } from "./outages";
import { trafficTests } from "./traffic";

// A stalled machine makes a healthy server miss two checks, and then its flows move too, as they would on AWS. Such a
// test runs once more, and what went wrong the first time is printed.
jest.retryTimes(1, { logErrorsBeforeRetry: true, retryImmediately: true });

// One lab for all tests, which run in this order; each waits for what it needs to be whole and mends what it broke.
const cluster = new Cluster("cluster");
trafficTests(cluster);
outageTests(cluster);
