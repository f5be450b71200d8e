import type { Profile } from "../../wireguard/formats";
import { generateKeyPair, generatePresharedKey } from "../../wireguard/keys";

/** A client with everything that a configuration can have, through which some networks are reached. */
export const SPLIT: Profile = {
  name: "alice",
  privateKey: generateKeyPair().privateKey,
  addresses: ["10.100.0.2/32"],
  dns: ["10.0.0.2", "corp.example"],
  mtu: 1420,
  serverPublicKey: generateKeyPair().publicKey,
  presharedKey: generatePresharedKey(),
  endpoint: "192.0.2.1:51820",
  allowedIps: ["10.0.0.0/16", "192.168.0.0/24"],
  persistentKeepalive: 25,
};

const { presharedKey: _, ...withoutPresharedKey } = SPLIT;
/** A client that sends everything through the tunnel and has neither a preshared key nor a search domain. */
export const FULL: Profile = { ...withoutPresharedKey, dns: ["10.0.0.2"], allowedIps: ["0.0.0.0/0"] };
