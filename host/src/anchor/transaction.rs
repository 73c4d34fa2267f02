//! Transactions of an EVM chain, signed here: the key never leaves the process.
//!
//! Source: EIP-155 (chain id in the signature), EIP-1559 (fee market), EIP-2718 (envelope). ECDSA over secp256k1 with the
//! nonce of RFC 6979, so the same transaction has the same signature.

use super::rlp::Item;
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use sha3::{Digest, Keccak256};
use std::fmt;
use thiserror::Error;

/// An account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// The account of a key: the last twenty bytes of the hash of its point.
    pub fn of(key: &VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        let hash = keccak(&point.as_bytes()[1..]);
        let mut address = [0; 20];
        address.copy_from_slice(&hash[12..]);
        Self(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// What a transaction pays for gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fee {
    /// One price (EIP-155), for chains without a base fee.
    Price {
        /// Wei a unit of gas.
        wei: u128,
    },
    /// A most, and what the block's maker may keep of it (EIP-1559).
    Market {
        /// Most wei a unit of gas.
        most_wei: u128,
        /// Most wei above the base fee.
        tip_wei: u128,
    },
}

/// A transaction that moves nothing and says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The chain it is for, and no other.
    pub chain_id: u64,
    /// How many the sender has sent before.
    pub nonce: u64,
    /// What it pays.
    pub fee: Fee,
    /// Most gas it may use.
    pub gas: u64,
    /// To whom.
    pub to: Address,
    /// What it says.
    pub data: Vec<u8>,
}

/// A signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Its bytes, as a node takes them.
    pub raw: Vec<u8>,
    /// Its hash, which it is known by.
    pub hash: [u8; 32],
}

/// The key does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a private key of secp256k1 is 64 hexadecimal digits that are not nought and below the group's order"
)]
pub struct NoKey;

/// A private key from its hexadecimal digits.
///
/// # Errors
/// When they are none.
pub fn key_of(text: &str) -> Result<SigningKey, NoKey> {
    let bytes = unhex(text.trim()).ok_or(NoKey)?;
    SigningKey::from_slice(&bytes).map_err(|_| NoKey)
}

impl Transaction {
    fn fields(&self) -> Vec<Item> {
        let [nonce, gas] = [self.nonce, self.gas].map(|number| Item::number(number.into()));
        let (to, value, data) =
            (Item::Bytes(self.to.0.to_vec()), Item::number(0), Item::Bytes(self.data.clone()));
        match self.fee {
            Fee::Price { wei } => vec![nonce, Item::number(wei), gas, to, value, data],
            Fee::Market { most_wei, tip_wei } => {
                let (chain, none) = (Item::number(self.chain_id.into()), Item::List(Vec::new()));
                let (tip, most) = (Item::number(tip_wei), Item::number(most_wei));
                vec![chain, nonce, tip, most, gas, to, value, data, none]
            }
        }
    }

    /// Bytes of some fields in the envelope of the transaction's kind.
    fn bytes(&self, fields: Vec<Item>) -> Vec<u8> {
        let body = Item::List(fields).encoded();
        match self.fee {
            Fee::Price { .. } => body,
            Fee::Market { .. } => [&[2], body.as_slice()].concat(),
        }
    }

    /// What is signed.
    pub fn digest(&self) -> [u8; 32] {
        let mut fields = self.fields();
        if let Fee::Price { .. } = self.fee {
            fields.extend([Item::number(self.chain_id.into()), Item::number(0), Item::number(0)]);
        }
        keccak(&self.bytes(fields))
    }

    /// The transaction with its signature.
    pub fn signed(&self, key: &SigningKey) -> Signed {
        let (signature, recovery) = key.sign_prehash_recoverable(&self.digest());
        // Chains take the lower of the two values of s (EIP-2); the parity of the point turns with it.
        let low = signature.normalize_s();
        let odd = recovery.is_y_odd() != (low != signature);
        let v = match self.fee {
            Fee::Price { .. } => u128::from(self.chain_id) * 2 + 35 + u128::from(odd),
            Fee::Market { .. } => u128::from(odd),
        };
        let (r, s) = low.split_bytes();
        let mut fields = self.fields();
        fields.extend([Item::number(v), Item::scalar(&r), Item::scalar(&s)]);
        let raw = self.bytes(fields);
        let hash = keccak(&raw);
        Signed { raw, hash }
    }
}

/// Who signed a digest.
pub fn sender(digest: &[u8; 32], r: &[u8], s: &[u8], odd: bool) -> Option<Address> {
    let mut scalars = [0_u8; 64];
    scalars[32_usize.checked_sub(r.len())?..32].copy_from_slice(r);
    scalars[64_usize.checked_sub(s.len())?..].copy_from_slice(s);
    let signature = Signature::from_slice(&scalars).ok()?;
    let recovery = RecoveryId::new(odd, false);
    VerifyingKey::recover_from_prehash(digest, &signature, recovery).ok().map(|key| Address::of(&key))
}

/// Keccak-256, which is not SHA3-256: its padding is that of the competition's entry.
pub fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// Bytes as `0x…`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Bytes from hexadecimal digits in pairs, with `0x` before them or without.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        unhex(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_example_of_eip_155_comes_out_to_the_byte() {
        // EIP-155's own example: nonce 9, 20 gwei, 21000 gas, 1 ether to 0x3535…; value is the one field that our
        // transactions do not have, so it is put in here by hand.
        let key = key_of(&"46".repeat(32)).unwrap();
        let transaction = Transaction {
            chain_id: 1,
            nonce: 9,
            fee: Fee::Price { wei: 20_000_000_000 },
            gas: 21_000,
            to: Address([0x35; 20]),
            data: Vec::new(),
        };
        let mut fields = transaction.fields();
        fields[4] = Item::number(1_000_000_000_000_000_000);
        let unsigned = [fields.clone(), vec![Item::number(1), Item::number(0), Item::number(0)]].concat();
        let digest = keccak(&transaction.bytes(unsigned));
        assert_eq!(hex(&digest), "0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
        let (signature, recovery) = key.sign_prehash_recoverable(&digest);
        let (r, s) = signature.split_bytes();
        assert_eq!(hex(&r), "0x28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276");
        assert_eq!(hex(&s), "0x67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
        assert!(!recovery.is_y_odd(), "the example's v is 37");
    }

    #[test]
    fn whoever_signed_is_found_again() {
        let key = key_of("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318").unwrap();
        let address = Address::of(key.verifying_key());
        // The account of this key in the documentation of web3.js.
        assert_eq!(address.to_string(), "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23");
        for fee in [Fee::Price { wei: 7 }, Fee::Market { most_wei: 2_000_000_000, tip_wei: 1 }] {
            for nonce in 0..20 {
                let data = vec![nonce as u8; 57];
                let transaction = Transaction { chain_id: 1_337, nonce, fee, gas: 30_000, to: address, data };
                let signed = transaction.signed(&key);
                assert_eq!(signed.hash, keccak(&signed.raw));
                assert_eq!(signed, transaction.signed(&key));
                let (signature, recovery) = key.sign_prehash_recoverable(&transaction.digest());
                let (r, s) = signature.split_bytes();
                let found = sender(&transaction.digest(), &r, &s, recovery.is_y_odd());
                assert_eq!(found, Some(address));
                let other = Transaction { nonce: nonce + 1, ..transaction };
                assert_ne!(sender(&other.digest(), &r, &s, recovery.is_y_odd()), Some(address));
            }
        }
    }

    #[test]
    fn hashes_and_keys_are_those_of_the_chain() {
        let empty: [u8; 32] = bytes("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(keccak(b""), empty);
        for bad in ["", "0x", "12", &"00".repeat(32), &"ff".repeat(32), &"0g".repeat(32)] {
            assert_eq!(key_of(bad).unwrap_err(), NoKey, "{bad}");
        }
    }
}
