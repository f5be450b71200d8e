/**
 * The lab's EC2: the calls by which servers lead the VPC's routes to themselves. Requests are checked and refused as EC2 does; what a
 * call changes is in the {@link Vpc} when it returns. Pure but for that.
 */
import { coversAddresses, isCanonicalRange } from "../ranges";
import type { RouteTable, Vpc } from "../vpc/vpc";
import { type ApiAnswer, ApiError, failure, Parameters, success, type Xml } from "./query";

const VERSION = "2016-11-15";
const NAMESPACE = `http://ec2.amazonaws.com/doc/${VERSION}/`;
const ACCOUNT = "123456789012";

/** What a call is about, for whoever decides whether the caller may make it. */
export interface Ec2Call {
  readonly action: string;
  /** Ids of the resources that it changes. */
  readonly resources: readonly string[];
  /** What conditions of policies may ask about the call, besides its resources. */
  readonly facts: Readonly<Record<string, string>>;
}

/** @throws ApiError `UnauthorizedOperation` when the caller may not. */
export type Authorize = (call: Ec2Call) => void;

/** Asks for the right to do it to these resources. */
type Ask = (resources: readonly string[], facts?: Ec2Call["facts"]) => void;
type Action = (vpc: Vpc, parameters: Parameters, ask: Ask) => Xml;

const ACTIONS: Readonly<Record<string, Action>> = {
  DescribeRouteTables: describeRouteTables,
  CreateRoute: (vpc, parameters, ask) => changeRoute(vpc, parameters, ask, "create"),
  ReplaceRoute: (vpc, parameters, ask) => changeRoute(vpc, parameters, ask, "replace"),
  ModifyNetworkInterfaceAttribute: modifyNetworkInterface,
};

/** Whether a call changes nothing: it is answered sooner. */
export const isRead = (form: string): boolean =>
  (new URLSearchParams(form).get("Action") ?? "").startsWith("Describe");

/** Answers one request. @param form its body */
export function answerEc2(vpc: Vpc, form: string, requestId: string, authorize: Authorize): ApiAnswer {
  try {
    const parameters = Parameters.parse(form);
    const action = parameters.required("Action");
    const version = parameters.required("Version");
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (!act || version !== VERSION)
      throw new ApiError(
        "InvalidAction",
        `The action ${action} is not valid for this web service (${version}).`,
      );
    const content = act(vpc, parameters, (resources, facts = {}) => authorize({ action, resources, facts }));
    return success(action, NAMESPACE, requestId, content);
  } catch (error) {
    if (error instanceof ApiError) return failure(error, requestId);
    throw error;
  }
}

function tableOf(vpc: Vpc, id: string): RouteTable {
  const table = vpc.table(id);
  if (!table) throw new ApiError("InvalidRouteTableID.NotFound", `The routeTable ID '${id}' does not exist`);
  return table;
}

function describeRouteTables(vpc: Vpc, parameters: Parameters, ask: Ask): Xml {
  const ids = parameters.list("RouteTableId");
  parameters.finish();
  ask([]);
  const tables = ids.length === 0 ? vpc.allTables() : ids.map((id) => tableOf(vpc, id));
  return { routeTableSet: tables.map((table) => describeTable(vpc, table)) };
}

function describeTable(vpc: Vpc, table: RouteTable): Xml {
  const local = {
    destinationCidrBlock: vpc.cidr,
    gatewayId: "local",
    state: "active",
    origin: "CreateRouteTable",
  };
  const planned = table.planned.map(({ destination, target }) => ({
    destinationCidrBlock: destination,
    ...target,
    state: "active",
    origin: "CreateRoute",
  }));
  const made = [...table.routes.values()].map((route) => {
    const target = vpc.interface(route.interface);
    return {
      destinationCidrBlock: route.destination,
      instanceId: target?.instance,
      instanceOwnerId: target && ACCOUNT,
      networkInterfaceId: route.interface,
      state: target ? "active" : "blackhole",
      origin: "CreateRoute",
    };
  });
  return {
    routeTableId: table.id,
    vpcId: vpc.id,
    routeSet: [local, ...planned, ...made],
    associationSet: [],
    propagatingVgwSet: [],
    tagSet: [],
    ownerId: ACCOUNT,
  };
}

function changeRoute(vpc: Vpc, parameters: Parameters, ask: Ask, kind: "create" | "replace"): Xml {
  const id = parameters.required("RouteTableId");
  const destination = parameters.required("DestinationCidrBlock");
  const target = parameters.required("NetworkInterfaceId");
  parameters.finish();
  ask([id]);
  const table = tableOf(vpc, id);
  if (!isCanonicalRange(destination))
    throw new ApiError(
      "InvalidParameterValue",
      `Value (${destination}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.`,
    );
  if (coversAddresses(vpc.cidr, destination))
    throw new ApiError(
      "InvalidParameterValue",
      `The destination CIDR block ${destination} is equal to or more specific than one of this VPC's CIDR blocks.`,
    );
  if (!vpc.interface(target))
    throw new ApiError(
      "InvalidNetworkInterfaceID.NotFound",
      `The networkInterface ID '${target}' does not exist`,
    );
  const isThere =
    table.routes.has(destination) || table.planned.some((route) => route.destination === destination);
  if (kind === "create" && isThere)
    throw new ApiError("RouteAlreadyExists", `The route identified by ${destination} already exists.`);
  // The page of the action names no error for it; this is what EC2 says (https://github.com/getmoto/moto/pull/6425).
  if (kind === "replace" && !isThere)
    throw new ApiError(
      "InvalidParameterValue",
      `There is no route defined for '${destination}' in the route table. Use CreateRoute instead.`,
    );
  vpc.setRoute(id, { destination, interface: target });
  return { return: true };
}

function modifyNetworkInterface(vpc: Vpc, parameters: Parameters, ask: Ask): Xml {
  const id = parameters.required("NetworkInterfaceId");
  const check = parameters.flag("SourceDestCheck.Value");
  parameters.finish();
  if (check === undefined) throw new ApiError("InvalidParameterCombination", "No attributes specified.");
  ask([id], { "ec2:Attribute/SourceDestCheck": String(check) });
  if (!vpc.interface(id))
    throw new ApiError(
      "InvalidNetworkInterfaceID.NotFound",
      `The networkInterface ID '${id}' does not exist`,
    );
  vpc.setSourceDestCheck(id, check);
  return { return: true };
}
