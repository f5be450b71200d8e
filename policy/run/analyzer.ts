import * as grpc from "@grpc/grpc-js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/analyzer_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import type { JsonObject, Plan, PlannedResource } from "../../plan";
import { propertiesOf, toWire } from "./wire";

/** One thing that a pack has to say; `urn` is empty where it speaks about the stack as a whole. */
export interface Said {
  readonly rule: string;
  readonly urn: string;
  readonly message: string;
  readonly mandatory: boolean;
}

/** What a pack says about itself. */
export interface PackInfo {
  readonly name: string;
  readonly version: string;
  readonly rules: readonly { readonly name: string; readonly why: string; readonly fix: string }[];
}

/** The Pulumi engine takes messages of 400 MB, and so does the analyzer. */
const MESSAGE_LIMIT = 400 * 1024 * 1024;

/** Plays the Pulumi engine for a started policy pack: the same calls in the same order as during `pulumi preview`. */
export class Analyzer {
  private readonly client: AnalyzerClient;

  constructor(address: string) {
    const options = {
      "grpc.max_send_message_length": MESSAGE_LIMIT,
      "grpc.max_receive_message_length": MESSAGE_LIMIT,
    };
    this.client = new AnalyzerClient(address, grpc.credentials.createInsecure(), options);
  }

  close(): void {
    this.client.close();
  }

  /** Asks who the pack is and sends it its settings: each rule's own defaults, and what the caller wants otherwise. */
  async configure(settings: Readonly<Record<string, JsonObject>> = {}): Promise<PackInfo> {
    const info = await call<proto.AnalyzerInfo>((done) => this.client.getAnalyzerInfo(new Empty(), done));
    const request = new proto.ConfigureAnalyzerRequest();
    for (const policy of info.getPoliciesList()) {
      const config = new proto.PolicyConfig().setEnforcementlevel(policy.getEnforcementlevel());
      const wanted = { ...defaultsOf(policy), ...settings[policy.getName()] };
      request.getPolicyconfigMap().set(policy.getName(), config.setProperties(Struct.fromJavaScript(wanted)));
    }
    await call<Empty>((done) => this.client.configure(request, done));
    return {
      name: info.getName(),
      version: info.getVersion(),
      rules: info.getPoliciesList().map((policy) => ({
        name: policy.getName(),
        why: policy.getDescription(),
        fix: policy.getRemediationSteps(),
      })),
    };
  }

  /** Shows the pack every managed resource, one by one and then all together. */
  async analyze(plan: Plan): Promise<Said[]> {
    const wire = toWire(plan);
    const resources = plan.resources.filter(({ external }) => !external);
    const said: Said[] = [];
    for (const resource of resources) {
      const request = new proto.AnalyzeRequest()
        .setType(resource.type)
        .setUrn(resource.urn)
        .setName(resource.name)
        .setOptions(optionsOf(resource))
        .setProperties(Struct.fromJavaScript(wire(propertiesOf(resource, "before"))));
      const answer = await call<proto.AnalyzeResponse>((done) => this.client.analyze(request, done));
      said.push(...answer.getDiagnosticsList().map((diagnostic) => read(diagnostic, resource.urn)));
    }
    const request = new proto.AnalyzeStackRequest().setResourcesList(
      resources.map((resource) => stackResource(resource, wire(propertiesOf(resource, "after")))),
    );
    const answer = await call<proto.AnalyzeResponse>((done) => this.client.analyzeStack(request, done));
    return [...said, ...answer.getDiagnosticsList().map((diagnostic) => read(diagnostic, ""))];
  }
}

function call<Response>(
  start: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    start((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

/** As the engine does, a setting that nobody gave has its schema's default. */
function defaultsOf(policy: proto.PolicyInfo): JsonObject {
  const declared = policy.getConfigschema()?.getProperties()?.toJavaScript() ?? {};
  return Object.fromEntries(
    Object.entries(declared).flatMap(([name, schema]) => {
      const value =
        typeof schema === "object" && schema !== null && "default" in schema ? schema["default"] : undefined;
      return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
        ? [[name, value]]
        : [];
    }),
  );
}

function optionsOf({ protect, ignoreChanges, parent }: PlannedResource): proto.AnalyzerResourceOptions {
  return new proto.AnalyzerResourceOptions()
    .setProtect(protect)
    .setIgnorechangesList([...ignoreChanges])
    .setParent(parent ?? "");
}

function stackResource(resource: PlannedResource, properties: JsonObject): proto.AnalyzerResource {
  const message = new proto.AnalyzerResource()
    .setType(resource.type)
    .setUrn(resource.urn)
    .setName(resource.name)
    .setParent(resource.parent ?? "")
    .setOptions(optionsOf(resource))
    .setProperties(Struct.fromJavaScript(properties))
    .setDependenciesList([...resource.dependencies]);
  for (const [property, urns] of Object.entries(resource.propertyDependencies)) {
    if (urns.length === 0) continue;
    const list = new proto.AnalyzerPropertyDependencies().setUrnsList([...urns]);
    message.getPropertydependenciesMap().set(property, list);
  }
  return message;
}

function read(diagnostic: proto.AnalyzeDiagnostic, urn: string): Said {
  return {
    rule: diagnostic.getPolicyname(),
    urn: diagnostic.getUrn() || urn,
    message: diagnostic.getMessage(),
    mandatory: diagnostic.getEnforcementlevel() === proto.EnforcementLevel.MANDATORY,
  };
}
