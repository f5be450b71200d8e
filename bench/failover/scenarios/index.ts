import type { Scenario } from "../scenario";
import type { ScenarioName } from "../types";
import { blackhole } from "./blackhole";
import { crash } from "./crash";
import { crashBoth } from "./crash-both";
import { crashHolder } from "./crash-holder";
import { crashOwner } from "./crash-owner";
import { drain } from "./drain";
import { meshCut } from "./mesh-cut";
import { overlayCut } from "./overlay-cut";
import { ownerDrain } from "./owner-drain";
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
  "crash-holder": crashHolder,
  "crash-owner": crashOwner,
  "crash-both": crashBoth,
  "owner-drain": ownerDrain,
  "overlay-cut": overlayCut,
  "mesh-cut": meshCut,
};
