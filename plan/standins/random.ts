import { type Standin, text } from "./standin";

const randomId: Standin = (inputs, context) => {
  const bytes = Number(inputs["byteLength"] ?? 8);
  const hex = `${text(inputs, "prefix")}${context.hex(bytes * 2)}`;
  const raw = Buffer.from(context.hex(bytes * 2), "hex");
  return {
    id: raw.toString("base64url"),
    outputs: {
      hex,
      dec: BigInt(`0x${raw.toString("hex")}`).toString(),
      b64Url: raw.toString("base64url"),
      b64Std: raw.toString("base64"),
    },
  };
};

const randomText: Standin = (inputs, context) => {
  const result = context.hex(Number(inputs["length"] ?? 16));
  return { id: result, outputs: { result } };
};

export const random: Readonly<Record<string, Standin>> = {
  "random:index/randomId:RandomId": randomId,
  "random:index/randomString:RandomString": randomText,
  "random:index/randomPassword:RandomPassword": (inputs, context) => ({
    ...randomText(inputs, context),
    id: "none",
  }),
  "random:index/randomPet:RandomPet": (_inputs, context) => ({
    id: `stand-in-${context.hex(6)}`,
    outputs: {},
  }),
};
