import type { Scenario } from "../scenario";
import type { ScenarioName } from "../types";
import { blackhole } from "./blackhole";
import { crash } from "./crash";
import { drain } from "./drain";
import { replace } from "./replace";
import { roam } from "./roam";
import { scaleIn } from "./scale-in";

/** All scenarios by name. */
export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  crash,
  blackhole,
  drain,
  replace,
  roam,
  "scale-in": scaleIn,
};
