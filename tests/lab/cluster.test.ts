import { administrationTests } from "./administration";
import { Cluster } from "./cluster";
import { outageTests } from "./outages";
import { trafficTests } from "./traffic";

// One lab for all tests, which run in this order; each waits for what it needs to be whole and mends what it broke.
const cluster = new Cluster("cluster");
trafficTests(cluster);
administrationTests(cluster);
outageTests(cluster);
