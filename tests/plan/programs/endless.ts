/** Plans a program that never ends. */
import { planOf } from "../support";

void planOf("faults", { kind: "endless" });
