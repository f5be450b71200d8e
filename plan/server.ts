import { stripVTControlCharacters } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { EngineService, type IEngineServer } from "@pulumi/pulumi/proto/engine_grpc_pb";
import * as engine from "@pulumi/pulumi/proto/engine_pb";
import type * as provider from "@pulumi/pulumi/proto/provider_pb";
import { type IResourceMonitorServer, ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/resource_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import type { Monitor, Registration } from "./monitor";
import type { Project } from "./project";
import type { Json, JsonObject, PlanMode } from "./types";

const { ResourceMonitorFeature: Feature } = proto;
/** What this engine does. Transforms and hooks are claimed so that a program that uses them gets our refusal, not "update the CLI". */
const FEATURES = [
  Feature.RESOURCE_MONITOR_FEATURE_SECRETS,
  Feature.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
  Feature.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
  Feature.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
  Feature.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
  Feature.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
  Feature.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
  Feature.RESOURCE_MONITOR_FEATURE_INVOKE_DEPENDS_ON,
  Feature.RESOURCE_MONITOR_FEATURE_INVOKE_PARENT,
  Feature.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
  Feature.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
  Feature.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
  Feature.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
];

/** A gRPC server on the loopback interface that speaks the engine's two protocols for one run of a program. */
export interface EngineServer {
  readonly address: string;
  readonly stop: () => void;
}

/** Starts the server; the port is the kernel's choice, so that several plans can run at once. */
export async function startServer(monitor: Monitor, project: Project, mode: PlanMode): Promise<EngineServer> {
  // The default of 4 MB is less than what one inlined asset may take; the Pulumi engine uses 400 MB too.
  const server = new grpc.Server({ "grpc.max_receive_message_length": 400 * 1024 * 1024 });
  server.addService(
    ResourceMonitorService,
    monitorService(monitor, project, mode) as unknown as grpc.UntypedServiceImplementation,
  );
  server.addService(EngineService, engineService(monitor) as unknown as grpc.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

/** A handler that turns what it throws into a gRPC error. */
function unary<Request, Response>(
  handle: (request: Request) => Response,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    try {
      callback(null, handle(call.request));
    } catch (error) {
      callback({
        code: grpc.status.UNKNOWN,
        details: error instanceof Error ? error.message : String(error),
      });
    }
  };
}

function monitorService(
  monitor: Monitor,
  project: Project,
  mode: PlanMode,
): Partial<Record<keyof IResourceMonitorServer, unknown>> {
  const refuse = (what: string) =>
    unary(() => {
      monitor.refuse(`the program uses ${what}, which a plan cannot carry out`);
      throw new Error(`${what} are not supported by this plan`);
    });
  return {
    getDeploymentInfo: unary(() => deploymentInfo(project, mode)),
    supportsFeature: unary(() => new proto.SupportsFeatureResponse().setHassupport(true)),
    registerResource: unary((request: proto.RegisterResourceRequest) => register(monitor, request, mode)),
    readResource: unary((request: proto.ReadResourceRequest) => read(monitor, request)),
    registerResourceOutputs: unary((request: proto.RegisterResourceOutputsRequest) => {
      monitor.registerOutputs(request.getUrn(), fromStruct(request.getOutputs()));
      return new Empty();
    }),
    invoke: unary((request: proto.ResourceInvokeRequest) => invoke(monitor, request)),
    call: refuse("methods of remote components"),
    existsResource: refuse("existence checks of cloud resources"),
    registerStackTransform: refuse("stack transforms"),
    registerStackInvokeTransform: refuse("invoke transforms"),
    registerResourceHook: refuse("resource hooks"),
    registerErrorHook: refuse("error hooks"),
    registerPackage: unary((request: proto.RegisterPackageRequest) =>
      new proto.RegisterPackageResponse().setRef(`${request.getName()}@${request.getVersion()}`),
    ),
    signalAndWaitForShutdown: unary(() => new Empty()),
  };
}

function engineService(monitor: Monitor): Partial<Record<keyof IEngineServer, unknown>> {
  let root = "";
  return {
    log: unary((request: engine.LogRequest) => {
      log(monitor, request);
      return new Empty();
    }),
    getRootResource: unary(() => new engine.GetRootResourceResponse().setUrn(root)),
    setRootResource: unary((request: engine.SetRootResourceRequest) => {
      root = request.getUrn();
      return new engine.SetRootResourceResponse();
    }),
    startDebugging: unary(() => new Empty()),
    requirePulumiVersion: unary(() => new engine.RequirePulumiVersionResponse()),
  };
}

function log(monitor: Monitor, request: engine.LogRequest): void {
  const severity = ([undefined, "info", "warning", "error"] as const)[request.getSeverity()];
  if (severity === undefined || request.getEphemeral()) return;
  const urn = request.getUrn();
  // Pulumi's runner colours what it inspects when the environment says FORCE_COLOR.
  const message = stripVTControlCharacters(request.getMessage());
  monitor.diagnostics.push({ severity, message, ...(urn === "" ? {} : { urn }) });
}

function deploymentInfo(project: Project, mode: PlanMode): proto.DeploymentInfo {
  return new proto.DeploymentInfo()
    .setProject(project.name)
    .setStack(project.stack)
    .setOrganization("organization")
    .setDryrun(mode === "preview")
    .setParallel(16)
    .setSupportedfeaturesList(FEATURES);
}

function register(
  monitor: Monitor,
  request: proto.RegisterResourceRequest,
  mode: PlanMode,
): proto.RegisterResourceResponse {
  if (request.getTransformsList().length > 0) {
    monitor.refuse(
      `${request.getType()} "${request.getName()}" has transforms, which a plan cannot carry out`,
    );
  }
  const made = monitor.register(registration(request));
  const response = new proto.RegisterResourceResponse()
    .setUrn(made.urn)
    .setId(made.id)
    .setObject(toStruct(made.outputs));
  // Outputs that no stand-in gives must stay unknown in a resolved plan: as plain `undefined` they would vanish without a trace.
  response.setUnknown(mode === "resolved" && request.getCustom());
  for (const [property, urns] of Object.entries(made.dependencies)) {
    const list = new proto.RegisterResourceResponse.PropertyDependencies();
    list.setUrnsList([...urns]);
    response.getPropertydependenciesMap().set(property, list);
  }
  return response;
}

function registration(request: proto.RegisterResourceRequest): Registration {
  const propertyDependencies: Record<string, readonly string[]> = {};
  for (const [key, value] of request.getPropertydependenciesMap().entries())
    propertyDependencies[key] = value.getUrnsList();
  return {
    type: request.getType(),
    name: request.getName(),
    parent: request.getParent(),
    custom: request.getCustom(),
    remote: request.getRemote(),
    inputs: fromStruct(request.getObject()),
    dependencies: request.getDependenciesList(),
    propertyDependencies,
    protect: request.getProtect() ?? false,
    retainOnDelete: request.getRetainondelete() ?? false,
    ignoreChanges: request.getIgnorechangesList(),
    replaceOnChanges: request.getReplaceonchangesList(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    aliases: request.getAliasesList().map((alias) => alias.toObject() as unknown as Json),
    provider: request.getProvider(),
  };
}

function read(monitor: Monitor, request: proto.ReadResourceRequest): proto.ReadResourceResponse {
  if (request.getType() === "pulumi:pulumi:StackReference") {
    monitor.refuse(
      `the program reads outputs of the stack "${request.getName()}", which a plan cannot reach`,
    );
  }
  const made = monitor.register({
    type: request.getType(),
    name: request.getName(),
    parent: request.getParent(),
    custom: true,
    remote: false,
    inputs: fromStruct(request.getProperties()),
    dependencies: request.getDependenciesList(),
    propertyDependencies: {},
    protect: false,
    retainOnDelete: false,
    ignoreChanges: [],
    replaceOnChanges: [],
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    aliases: [],
    provider: request.getProvider(),
    readId: request.getId(),
  });
  return new proto.ReadResourceResponse().setUrn(made.urn).setProperties(toStruct(made.outputs));
}

function invoke(
  monitor: Monitor,
  request: proto.ResourceInvokeRequest,
): provider.InvokeResponse | proto.ResourceInvokeResponse {
  const position = request.getSourceposition();
  const place =
    position === undefined ? "" : `${position.getUri().replace(/^.*\/\/\//, "")}:${position.getLine()}`;
  const answer = monitor.invoke(request.getTok(), fromStruct(request.getArgs()), request.getProvider(), {
    parent: request.getParent(),
    position: place,
  });
  return new proto.ResourceInvokeResponse().setReturn(toStruct(answer));
}

function fromStruct(struct: Struct | undefined): JsonObject {
  return (struct?.toJavaScript() ?? {}) as JsonObject;
}

function toStruct(values: JsonObject): Struct {
  return Struct.fromJavaScript(values);
}
