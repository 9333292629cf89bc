//! Signatures against Binance's published examples, and the order in which signed requests are refused.

mod common;

use agio_edge::auth::{KeyError, authorize, authorize_pairs, authorize_session};
use agio_edge::schema::Name;
use agio_edge::{Pair, Verifier};
use agio_engine::units::Micros;
use common::{NOW, hex, place_schema};
use ring::signature::{Ed25519KeyPair, KeyPair};

/// The secret and the signatures of rest-api.md's and web-socket-api.md's examples.
const SECRET: &[u8] = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const PAYLOAD: &str =
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
const SIGNATURE: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
const WIDE: &str = "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC\
                    &quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
const WIDE_SIGNATURE: &str = "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3";
const WS_SIGNATURE: &str = "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24";

/// Made with `openssl dgst -sha256 -sign` over [`PAYLOAD`] with the other half of the key in `data`.
const RSA_SIGNATURE: &str = "eRZcWnxHYIG+hBt6adoByJi/BfStFbvy2fSDQnrv9MntXDiLmCbENDwLVPgFZ+r0G9fPHYtGHakZkh2z5uRgQ+Dm\
    e4sbjW33h1xd7a3hwTZFKDA04fTIm2Gw3sWCYJlJ4BjBgLuRb9xgyENUzwF7wW9HD8JuZVOwz8A9RMaigFGHWM8p5nkI0fPfRNBC1k01jSOGSvkm\
    Iu6FYekIVXBdcgawSHtkv5SDXz0bf+9D7olyzqDOxft1AFm6O0IwJOBfyjMM7T1JnM48Umr1R+CO+SqxYqJGe75wLiMng1zHYkaBWduKBKu3usbj\
    dwbVYVaHKjRhj6kQuzehzrwT45HTUw==";
const RSA_PUBLIC: &[u8] = include_bytes!("data/rsa_public.der");

fn outcome(query: &str, body: &str, verifier: &Verifier) -> String {
    let result = authorize(&place_schema(), query.as_bytes(), body.as_bytes(), verifier, NOW);
    result.map_or_else(|error| error.to_string(), |values| values.text(Name::Symbol).unwrap_or("?").to_owned())
}

fn escaped(base64: &str) -> String {
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[test]
fn binances_examples_verify() {
    let verifier = Verifier::hmac(SECRET);
    let (head, tail) = PAYLOAD.split_at(PAYLOAD.find("&quantity").unwrap());
    let cases = [
        (format!("{PAYLOAD}&signature={SIGNATURE}"), String::new(), "LTCBTC"),
        (format!("signature={SIGNATURE}&{PAYLOAD}"), String::new(), "LTCBTC"),
        (format!("{head}&signature={SIGNATURE}{tail}"), String::new(), "LTCBTC"),
        (format!("{PAYLOAD}&signature={}", SIGNATURE.to_uppercase()), String::new(), "LTCBTC"),
        (String::new(), format!("{PAYLOAD}&signature={SIGNATURE}"), "LTCBTC"),
        (PAYLOAD.to_owned(), format!("signature={SIGNATURE}"), "LTCBTC"),
        (format!("signature={SIGNATURE}"), PAYLOAD.to_owned(), "LTCBTC"),
        (format!("{WIDE}&signature={WIDE_SIGNATURE}"), String::new(), "１２３４５６"),
    ];
    for (query, body, symbol) in cases {
        assert_eq!(outcome(&query, &body, &verifier), symbol, "{query} {body}");
    }
}

#[test]
fn query_and_body_are_joined_without_a_separator() {
    let (query, body) =
        ("symbol=LTCBTC&side=BUY&type=LIMIT", "quantity=1&price=0.1&timeInForce=GTC&timestamp=1499827319559");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let tag = ring::hmac::sign(&key, format!("{query}{body}").as_bytes());
    let hex = hex(tag.as_ref());
    let verifier = Verifier::hmac(SECRET);
    assert_eq!(outcome(query, &format!("{body}&signature={hex}"), &verifier), "LTCBTC");
    assert_eq!(outcome(&format!("{query}&signature={hex}"), body, &verifier), "LTCBTC");
}

#[test]
fn the_bytes_are_verified_as_they_arrived() {
    let verifier = Verifier::hmac(SECRET);
    let changes = [
        PAYLOAD.replace("LTCBTC", "LTCBTCX"),
        PAYLOAD.replace("BUY", "B%55Y"),
        format!("{PAYLOAD}&newClientOrderId=a"),
        PAYLOAD.replace("quantity=1&", "quantity=2&"),
    ];
    for changed in changes {
        let query = format!("{changed}&signature={SIGNATURE}");
        assert_eq!(outcome(&query, "", &verifier), "-1022 Signature for this request is not valid.", "{query}");
    }
    for signature in ["00", "zz", &SIGNATURE[1..], &format!("{SIGNATURE}0"), &SIGNATURE.replace('c', "d")] {
        let query = format!("{PAYLOAD}&signature={signature}");
        assert_eq!(outcome(&query, "", &verifier), "-1022 Signature for this request is not valid.", "{query}");
    }
    assert_eq!(
        outcome(&format!("{PAYLOAD}&signature={SIGNATURE}"), "", &Verifier::hmac(b"other")),
        "-1022 Signature for this request is not valid."
    );
}

#[test]
fn rsa_and_ed25519_verify_base64() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let ed25519 = base64(pair.sign(PAYLOAD.as_bytes()).as_ref());
    let keys = [
        (Verifier::rsa(RSA_PUBLIC).unwrap(), RSA_SIGNATURE.to_owned()),
        (Verifier::ed25519(pair.public_key().as_ref()).unwrap(), ed25519),
    ];
    for (verifier, signature) in keys {
        assert_eq!(outcome(&format!("{PAYLOAD}&signature={}", escaped(&signature)), "", &verifier), "LTCBTC");
        // Clients that forget to escape `+` still mean it; case matters.
        assert_eq!(outcome(&format!("{PAYLOAD}&signature={signature}"), "", &verifier), "LTCBTC");
        let lower = signature.to_lowercase();
        assert_eq!(
            outcome(&format!("{PAYLOAD}&signature={lower}"), "", &verifier),
            "-1022 Signature for this request is not valid."
        );
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4).for_each(|n| {
            text.push(if n <= three.len() { DIGITS[(bits >> (18 - 6 * n) & 63) as usize] as char } else { '=' });
        });
    }
    text
}

#[test]
fn keys_that_cannot_work_are_refused() {
    assert_eq!(Verifier::ed25519(&[0; 31]).unwrap_err(), KeyError::Length(31));
    assert_eq!(Verifier::rsa(&RSA_PUBLIC[1..]).unwrap_err(), KeyError::Rsa);
    assert_eq!(Verifier::rsa(&RSA_PUBLIC[..200]).unwrap_err(), KeyError::Rsa);
    let small = [&[0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00][..], &[0xac; 128], &[0x02, 0x03, 1, 0, 1]].concat();
    assert_eq!(Verifier::rsa(&small).unwrap_err(), KeyError::Rsa, "1024 bits are too few");
}

#[test]
fn refusals_come_in_order() {
    let verifier = Verifier::hmac(SECRET);
    let missing = "was not sent, was empty/null, or malformed.";
    let cases = [
        ("side=x&recvWindow=x", r"-1100 Illegal characters found in parameter 'recvWindow'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.".into()),
        ("recvWindow=60000.001", "-1102 'recvWindow' contains unexpected value. Cannot be greater than 60000.".into()),
        ("recvWindow=1.0001", "-1111 Parameter 'recvWindow' has too much precision.".into()),
        ("side=x", format!("-1102 Mandatory parameter 'timestamp' {missing}")),
        ("timestamp=1", format!("-1102 Mandatory parameter 'signature' {missing}")),
        ("timestamp=1&signature=x", "-1021 Timestamp for this request is outside of the recvWindow.".into()),
        ("timestamp=1499827314599&signature=x", "-1021 Timestamp for this request is outside of the recvWindow.".into()),
        ("timestamp=1499827320600&signature=x", "-1021 Timestamp for this request was 1000ms ahead of the server's time.".into()),
        ("timestamp=1499827320599&signature=x", "-1022 Signature for this request is not valid.".into()),
        ("timestamp=1499827319599000&recvWindow=0.999&signature=x", "-1021 Timestamp for this request is outside of the recvWindow.".into()),
        ("timestamp=1499827319599000&recvWindow=1&signature=x", "-1022 Signature for this request is not valid.".into()),
    ];
    for (query, words) in cases {
        assert_eq!(outcome(query, "", &verifier), words, "{query}");
    }
}

/// web-socket-api.md's example, with another value for one name.
fn pairs(signature: &str) -> Vec<(&str, Pair<'_>)> {
    vec![
        ("symbol", Pair::Text("BTCUSDT")),
        ("side", Pair::Text("SELL")),
        ("type", Pair::Text("LIMIT")),
        ("timeInForce", Pair::Text("GTC")),
        ("quantity", Pair::Text("0.01000000")),
        ("price", Pair::Text("52000.00")),
        ("recvWindow", Pair::Integer(100)),
        ("timestamp", Pair::Integer(1_645_423_376_532)),
        ("apiKey", Pair::Text("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A")),
        ("signature", Pair::Text(signature)),
    ]
}

#[test]
fn the_websocket_api_signs_sorted_parameters() {
    let (schema, verifier, now) = (place_schema(), Verifier::hmac(SECRET), Micros(1_645_423_376_600_000));
    let values = authorize_pairs(&schema, &pairs(WS_SIGNATURE), &verifier, now).unwrap();
    assert_eq!(values.decimal(Name::Price), Some(5_200_000_000_000));
    let mut changed = pairs(WS_SIGNATURE);
    changed[4].1 = Pair::Text("0.02000000");
    assert_eq!(authorize_pairs(&schema, &changed, &verifier, now).unwrap_err().code, -1022);
}

#[test]
fn the_websocket_api_takes_encoded_payloads_too() {
    let schema =
        agio_edge::Schema::from_json(br#"{"signed": true, "params": [{"name": "symbols", "kind": "symbols"}]}"#)
            .unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    for payload in
        [r#"symbols=["A","B"]&timestamp=1499827319559"#, "symbols=%5B%22A%22%2C%22B%22%5D&timestamp=1499827319559"]
    {
        let tag = ring::hmac::sign(&key, payload.as_bytes());
        let hex = hex(tag.as_ref());
        for list in [Pair::List(vec!["A", "B"]), Pair::Text(r#"["A","B"]"#)] {
            let pairs =
                [("timestamp", Pair::Integer(1_499_827_319_559)), ("signature", Pair::Text(&hex)), ("symbols", list)];
            assert!(authorize_pairs(&schema, &pairs, &Verifier::hmac(SECRET), NOW).is_ok(), "{payload}");
        }
    }
}

#[test]
fn a_session_needs_a_timestamp_but_no_signature() {
    let schema = place_schema();
    let all = pairs("");
    let (session, timeless) = (&all[..8], &all[..7]);
    assert!(authorize_session(&schema, session, Micros(1_645_423_376_600_000)).is_ok());
    assert_eq!(authorize_session(&schema, session, Micros(1_645_423_376_700_000)).unwrap_err().code, -1021);
    assert_eq!(authorize_session(&schema, timeless, NOW).unwrap_err().code, -1102);
}
