import { type Child, type ChildRequest, expandVpc } from "./awsx-vpc";
import {
  nameFault,
  outputTextFaults,
  schemaFaults,
  stackOutputFaults,
  unresolvedFaults,
  userDataFaults,
} from "./checks";
import type { Project } from "./project";
import type { ResourceSchema, SchemaSource } from "./sdk-schema";
import { standinContext, standinFor } from "./standins";
import { invokes } from "./standins/invokes";
import type { StandinContext } from "./standins/standin";
import { zonesOf } from "./standins/standin";
import type { Diagnostic, Json, JsonObject, PlanMode, PlannedResource } from "./types";
import { label, makeUrn, STACK_TYPE } from "./urn";
import { bareObject, holdsSecret, presentObject, resourceReference, secretValue, UNKNOWN } from "./values";

/** A registration as the SDK sends it, free of gRPC. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly custom: boolean;
  readonly remote: boolean;
  readonly inputs: JsonObject;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  readonly aliases: readonly Json[];
  readonly provider: string;
  /** Set for a resource that is only read. */
  readonly readId?: string;
}

export interface Registered {
  readonly urn: string;
  readonly id: string;
  /** Outputs in wire form. */
  readonly outputs: JsonObject;
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}

/** Where in the program something was asked for, as far as the SDK says. */
export interface Origin {
  readonly parent: string;
  readonly position: string;
}

/** What Pulumi's bridge puts after an automatic name: a hyphen and seven hexadecimal digits. */
const AUTONAME_DIGITS = 7;

/**
 * Plays the engine's part for one run of the program: gives URNs and ids, answers questions, and keeps what was registered.
 * INVARIANTS: a fault never stops the run, so that all faults of a program are reported together; what is handed out depends
 * only on the program and its config, never on time (and on the order of registrations only where two names ask for one address).
 */
export class Monitor {
  readonly faults = new Set<string>();
  readonly diagnostics: Diagnostic[] = [];
  private readonly resources = new Map<string, PlannedResource>();
  private readonly wire = new Map<string, Registered>();
  private readonly claimed = new Map<string, Set<number>>();
  private stackOutputs: JsonObject = {};

  constructor(
    private readonly project: Project,
    private readonly mode: PlanMode,
    private readonly schemas: SchemaSource,
  ) {}

  /** Handles one registration (or read); what the program did wrong goes into {@link faults}. */
  register(request: Registration): Registered {
    const { type, name, parent } = request;
    const urn = makeUrn({ stack: this.project.stack, project: this.project.name }, type, name, parent);
    if (this.resources.has(urn)) {
      this.refuse(
        `${type} "${name}" is registered twice under ${label(parent)} (URN ${urn}); give one another name`,
      );
    }
    const managed = request.custom && !type.startsWith("pulumi:providers:");
    const inputs = managed ? this.checkedInputs(request, urn) : request.inputs;
    const made = request.remote ? this.expand(request, urn) : this.create(request, urn, inputs, managed);
    this.wire.set(urn, made);
    this.resources.set(urn, this.describe(request, made, inputs));
    return made;
  }

  /** Keeps what a component (or the stack itself) says that its outputs are. */
  registerOutputs(urn: string, outputs: JsonObject): void {
    const resource = this.resources.get(urn);
    const known = this.wire.get(urn);
    if (resource === undefined || known === undefined) {
      this.refuse(`outputs were registered for ${urn}, which was never registered`);
      return;
    }
    this.wire.set(urn, { ...known, outputs: { ...known.outputs, ...outputs } });
    if (resource.type === STACK_TYPE) this.stackOutputs = outputs;
    resource.outputs = { ...resource.outputs, ...presentObject(outputs, this.project.dir) };
  }

  /** Answers a question that the program asks of a provider; throws when there is no answer. */
  invoke(token: string, args: JsonObject, provider: string, origin: Origin): JsonObject {
    if (token === "pulumi:pulumi:getResource") return this.lookUp(String(args["urn"] ?? ""));
    const answer = invokes[token];
    const plainArgs = bareObject(args);
    if (answer !== undefined)
      return answer(plainArgs, this.regionFor(provider, plainArgs), this.project.config);
    const asker = origin.parent === "" ? "the program" : label(origin.parent);
    const place = origin.position === "" ? "" : ` at ${origin.position}`;
    const message = `${asker} calls ${token}${place}, and the plan has no stand-in for it; add one to plan/standins/invokes.ts`;
    this.refuse(message);
    throw new Error(message);
  }

  /** Notes something that makes the plan void. */
  refuse(message: string): void {
    this.faults.add(message);
  }

  /** What was registered, after a last look for values that stayed unknown or never were values. */
  finish(): { resources: PlannedResource[]; outputs: JsonObject; region: string } {
    for (const [urn, { outputs }] of this.wire) {
      // tagsAll repeats tags; one fault is enough.
      const { tagsAll: _, ...rest } = outputs;
      this.refuseAll(outputTextFaults(urn, rest));
    }
    if (this.mode === "resolved") this.refuseAll(stackOutputFaults(this.stackOutputs));
    return {
      resources: [...this.resources.values()].filter((resource) => resource.type !== STACK_TYPE).sort(byUrn),
      outputs: presentObject(this.stackOutputs, this.project.dir),
      region: this.project.config["aws:region"] ?? "",
    };
  }

  private create(request: Registration, urn: string, inputs: JsonObject, managed: boolean): Registered {
    const echo = { urn, id: request.readId ?? "", outputs: inputs, dependencies: {} };
    if (!managed) return { ...echo, id: request.custom ? `provider-${request.name}` : "" };
    if (this.mode === "preview") return echo;
    const context = this.contextFor(request, urn, this.regionFor(request.provider, bareObject(inputs)));
    const result = standinFor(request.type)(bareObject(inputs), context);
    const outputs: JsonObject = { ...result.outputs, ...inputs };
    if (request.type.startsWith("aws:")) {
      outputs["region"] = inputs["region"] ?? context.region;
      outputs["tagsAll"] = inputs["tags"] ?? {};
    }
    const secretKeys = [
      ...request.additionalSecretOutputs,
      ...(this.schemas(request.type)?.secretOutputs ?? []),
    ];
    for (const key of secretKeys) {
      const value = outputs[key];
      if (value !== undefined && !holdsSecret(value)) outputs[key] = secretValue(value);
    }
    return { ...echo, id: request.readId ?? result.id, outputs };
  }

  private checkedInputs(request: Registration, urn: string): JsonObject {
    if (request.readId !== undefined) return request.inputs;
    const schema = this.schemas(request.type);
    this.refuseAll(schemaFaults(request, schema));
    if (this.mode === "resolved") this.refuseAll([...unresolvedFaults(request), ...userDataFaults(request)]);
    const name = this.automaticName(request, urn, schema);
    const inputs = name === undefined ? request.inputs : { ...request.inputs, name };
    if (typeof inputs["name"] === "string") this.refuseAll(nameFault(request, inputs["name"]));
    return inputs;
  }

  /** As Pulumi's bridge does: logical name and random digits, unless the program gives a name or a prefix. */
  private automaticName(
    request: Registration,
    urn: string,
    schema: ResourceSchema | undefined,
  ): string | undefined {
    const { inputs, type } = request;
    const takesName =
      type.startsWith("aws:") && schema?.inputs.has("name") && !schema.required.includes("name");
    if (!takesName || inputs["name"] !== undefined) return undefined;
    const prefix = typeof inputs["namePrefix"] === "string" ? inputs["namePrefix"] : `${request.name}-`;
    return `${prefix}${this.contextFor(request, urn, "").hex(AUTONAME_DIGITS, "name")}`;
  }

  /** Components of other languages: the only one that a plan can expand is awsx's VPC. */
  private expand(request: Registration, urn: string): Registered {
    const { type, name, parent } = request;
    const nothing = { urn, id: "", outputs: request.inputs, dependencies: {} };
    if (type !== "awsx:ec2:Vpc") {
      this.refuse(`${type} "${name}" is made by a plugin, and the plan only knows how awsx:ec2:Vpc is made`);
      return nothing;
    }
    const args = bareObject(request.inputs);
    const zones = zonesOf(this.regionFor(request.provider, args));
    try {
      const register = (child: ChildRequest): Child => this.registerChild(child, request);
      return { ...nothing, ...expandVpc(args, { name, urn, zones, register }) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.refuse(`${type} "${name}" (under ${label(parent)}): ${reason}`);
      return nothing;
    }
  }

  private registerChild(child: ChildRequest, owner: Registration): Child {
    const made = this.register({
      ...child,
      custom: true,
      remote: false,
      propertyDependencies: {},
      protect: owner.protect,
      retainOnDelete: owner.retainOnDelete,
      ignoreChanges: [],
      replaceOnChanges: [],
      additionalSecretOutputs: [],
      aliases: [],
      provider: "",
    });
    return {
      urn: made.urn,
      id: made.id === "" ? UNKNOWN : made.id,
      reference: resourceReference(made.urn, made.id),
      output: (key) => made.outputs[key] ?? UNKNOWN,
    };
  }

  private lookUp(urn: string): JsonObject {
    const found = this.wire.get(urn);
    if (found === undefined) throw new Error(`no resource has the URN ${urn}`);
    return { urn, id: found.id, state: found.outputs };
  }

  private describe(request: Registration, made: Registered, inputs: JsonObject): PlannedResource {
    const show = (values: JsonObject): JsonObject => presentObject(values, this.project.dir);
    const atRoot = request.parent === "" || request.parent.split("::")[2] === STACK_TYPE;
    return {
      urn: made.urn,
      type: request.type,
      name: request.name,
      parent: atRoot ? null : request.parent,
      custom: request.custom,
      external: request.readId !== undefined,
      id: made.id,
      inputs: show(inputs),
      // A component's outputs are what it registers later, not its arguments.
      outputs: request.custom || request.remote ? show(made.outputs) : {},
      dependencies: [...request.dependencies].sort(),
      propertyDependencies: request.propertyDependencies,
      protect: request.protect,
      retainOnDelete: request.retainOnDelete,
      ignoreChanges: request.ignoreChanges,
      replaceOnChanges: request.replaceOnChanges,
      aliases: request.aliases,
      provider: request.provider,
    };
  }

  private contextFor(request: Registration, urn: string, region: string): StandinContext {
    const { type, name, parent } = request;
    const outputsOf = (id: string) => [...this.wire.values()].find((made) => made.id === id)?.outputs ?? {};
    return standinContext(this.claimed, { urn, type, name, parent, region }, outputsOf);
  }

  /** Region of the resource's own argument, else of its provider, else of the config. */
  private regionFor(provider: string, inputs: JsonObject): string {
    if (typeof inputs["region"] === "string") return inputs["region"];
    // A provider reference is the provider's URN (four parts) and its id.
    const explicit = this.wire.get(provider.split("::").slice(0, 4).join("::"))?.outputs["region"];
    if (typeof explicit === "string") return explicit;
    const region = this.project.config["aws:region"];
    if (region === undefined) {
      const command = `pulumi config set aws:region us-east-1 --stack ${this.project.stack}`;
      this.refuse(`no AWS region is set; set one with: ${command}`);
    }
    return region ?? "us-east-1";
  }

  private refuseAll(faults: readonly string[]): void {
    for (const fault of faults) this.faults.add(fault);
  }
}

function byUrn(a: PlannedResource, b: PlannedResource): number {
  return a.urn < b.urn ? -1 : a.urn > b.urn ? 1 : 0;
}
