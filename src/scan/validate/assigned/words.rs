//! What people write where a secret would stand, and what variables are called that hold none.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Words that a stand-in is made of: names of the thing itself, of types, of states, of what a form shows.
const STAND_INS: &str = "
a abc abcd abcde abcdef abcdefg access account accounts action active actual actually add added address admin
administrator again alert algorithm algo alias all allow allowed alpha also alternative amazing an and annotation another answer
any anon anonymous anything api app append application apply are arg args argument array asc as ascii ask asked at
attribute auth authed authenticate authenticated authentication authenticator authority authorization authorize
authorized auto available aws azure back backend bad bar base based basic baz bcrypt be bearer because before begin
beta between bin binary bind blah blank blob block body bool boolean both bound box break buf buffer build builder but
button by byte bytes cache call callback called can cancel cannot cap card case cast cert certificate challenge change
changed changeit changeme chap char character characters charset chars check checked checkbox checksum child choose
cipher ciphertext class clear cleartext cli click client clientid close cloud cls cmd code col color column columns com
command comment common company complete compress compute cond conf config configuration configure configured confirm confirmed
confirmation connect connection const constant constructor consumer contact contains content context continue control
controller cookie cookies copy correct could count crc create created creator cred credential credentials creds crypt
crypto css csrf csv ctx cur curr current currently custom customer cut d data database datasource date db dba dbname dbpass
dbpassword dbuser debug decode decoded decoder decrypt decrypted default defaults define defined del delete deleted
demo deny deploy dept desc description des dest detail details dev develop developer development device dialog dict diff
different digest dir direct directory disable disabled disallowed display do doc docker docs document does doe dom domain
done dot down driver drop dummy dump duplicate dynamic each edit editor either element else email emails embed empty en enable
enabled enc encode encoded encoder encoding encrypt encrypted encryption end endpoint engine enter entered entity entry
enum env environ environment equal equals err error errors escape eval event every exact example examples except exception
exist existing exists exit exp expect expected expire expired expires expiry export expr expression extend extension
external extra fail failed failure fake false fetch field fields file filename files fill filled filter final find fine
first fix fixed flag flags float flow flush fmt foo foobar footer for force foreign forget forgot forgotten form format
forms forward found four frame framework free from full fullname func function gen general generate generated generator
generic get getenv getter getting git github gitlab given global go goes good google group groups guest guid guide had
handle handler has hash hashed hasher hashing have head header headers hello help helper here hex hey hi hidden hide
high hint history hmac hold holder home host hostname how html http https i icon id ident identifier identity idx
if ignore image img impl implicit import in include incorrect index info information inherit init initial inline inner
input insert inside install instance instead int integer integration interface internal into invalid invite io ip is isset it
item items iv its java javascript jdbc joe john js json jwt just keep key keycloak keyfile keyid keyname keypair keys keystore
keyword keywords kind known label labels lang language last later lazy ldap learn leave left len length less level lib license
like limit line link links list listener literal load loader local locale localhost location lock locked log logged login
logins logout long longer longpassword lookup lorem low lower lowercase lst mail main make manage manager manual map mark mask masked master
match matched matches max maximum may maybe md me member memory menu message messages meta metadata method middle min mine
minimum missing mock mode model module monitor more most move msg mu much multi must my mykey mypass mypassword mysecret mysql
mytoken na name named names namespace nan native need needed needs net network never new newkey newline newpass newpassword
newpwd next nil no nobody node nologin non nonce none nor normal not nothing notice notset now nr null nullable num number
numeric nullptr obj object of off ok old oldpassword on once one only oops op open opt option optional options or oracle
order org origin original other others our out output over overview overwrite owner p package page pair panel parallel
param parameter parameters params parent parse parsed parser part partial pass passcode passed passphrase passw passwd
password passwordless passwords passwort pasted patch path paths pattern payload pem permission permissions person pgp phone php pick
pin ping placeholder plain plaintext platform play please plugin plugins pointer policy port pos position possible post
postgres postgresql prefix preset prev previous primary principal print private privkey prod production profile program
progress project prompt prop properties property props protected protocol provide provided provider proxy psw public pubkey
push put pw pwd pwned python qa query question queue quick quit quote qux random range rank raw re read reader readonly
ready real realm really reason rec recommended record recover recovery redacted redirect redis ref reference references
refresh refreshed refuse regenerate regex region register registered registry regular reject release reload remaining remember
remote remove removed repeat repeated replace replaced report repository repo req request requested require required
requirements requires res reserve reset resource respond response rest restore restricted result results retrieve retry return
returned returns retype reuse right role roles root row rsa rule run runtime s safe same salt sample samples save
saved say schema scheme scope screen script sdk search second secondary secret secretary secretkey secrets section secure
secured security see seed sekret sekrit select selected selector self send sender sent separator sequence server service serviceaccount session sessions set
sets setter setting settings setup sha shared shell short should show shown sid sign signature signed signin signing signup
similar simple simply single site size skip slash slot smtp snake so some somekey somepassword something somepass somesecret
sometoken somevalue sort source space special specific specified specify spring sql src ssh sso ssl stack staging standard
start state static status step still stop storage store stored str stream strict string strings strong struct stub style
sub subject submit subscription success successful such sudo suffix super superadmin supersecret superuser support supported
sure switch symbol sync syntax sys system tab table tag tags target task tcp team temp template temporary tenant term test
tester testing testkey testpass testpassword testpw tests testuser text textarea textbox than that the their them then
there these they thing this those three through throw time timeout timestamp title tls tmp to toggle token tokenid tokens too top
topsecret track transient translate tree trim true try two txt type typed types ui unable varchar nvarchar bigint tinyint mediumtext longtext clob nullable unauthorized undef undefined
under unencrypted unexpected uninitialized unique unit unknown unless unlock unset unsigned until unused up update updated upgrade upload upn
upper uppercase uri url urls usage use used user userid username userpass userpassword users uses using usr utf util utils
uuid v val valid validate validated validation validator value values var variable vault ver verification verified verify version
via view void wait want wanted warning was very watch way we weak web webhook welcome well were what when where which while who
whoami whole why wide widget width will wildcard window with within without word words work world would wrap write written
wrong www x xml xsrf xx xxx xxxx xyz y yaml yes yet you your yourpassword yours yyyy z zero zone
contraseña contrasena clave senha parola heslo haslo wachtwoord passord losenord mot de passe kennwort geheim motdepasse mdp
test1 correcthorsebatterystaple correct horse battery staple
aes algorithms android ansible bash byteslike des3 dsa ec ecdsa ed elasticsearch ftp imap kafka kerberos ldaps mongo mongodb mqtt
oauth openid pbkdf pkcs pop postgresuser rabbitmq rdp ripemd saml scram scrypt sftp sqlite telnet tomcat totp vnc wifi
wpa x509 zookeeper nginx apache heroku docker kube kubernetes terraform jenkins travis circle slack stripe twilio
bob alice eve mallory carol dave joe jane scott tiger jdoe rod dianne koala fred barney wilma
";

/// Words after the stem that make the name one of something else: `password_hash`, `token_url`.
const OTHER_THINGS: &str = "
acceptance action actions age alg algo algorithm algorithms alias arg args argument arn array at attempt attempts attr attribute
attributes aud audience authenticated based bit bits block box builder button bytes callback change changed changes changing char
chars charset check checker checks checksum class clazz closed col color column command comment comments complexity component config
configuration configured constraint constraints contains context controller cookie count counter created crypt ctx date dates days
def definition delay deleted desc description dialog digest dir directory disabled display doc docs dto duration element elements
email enabled encoded encoder encoding encrypted encrypter encryption encryptor end endpoint endpoints entry enum env error errors event
events exception exists expected expiration expire expired expires expiresin expiry exp extractor factory fail failed failure feature field
fieldname fields file filename filepath files filter fingerprint flag flow fmt folder form format formatter forms found from func
function generate generated generation generator getter grant granter group guard handler handlers hash hashed hasher hasher hashes hashing
header headers headerkey height help helper hidden hint history holder hook host icon id identifier identity ids idx
impl in include index info infos input inputs instance interceptor interface interval invalid is issued issuer issuers item items iter iterator json kind label
labels language last latest len length lengths level lifetime limit limits line link list listener lists loader location lock locked
logger lookup loop mac manager map mapper mapping mask masked matcher matches max maxlength md md5 message messages meta metadata method
min minimum minlength mismatch missing mode model module msg name named names namespace needed node not notice num number object
offset ok op operation operations option optional options order output page pages panel param parameter parameters params parse parsed parser path
paths pattern patterns percent permission permissions placeholder plugin plural policies policy pool position precedence prefix preset principal
principals privacy prompt prompts property props protected protection provided provider providers query question quota range ranges
reader ref reference references regex regexp region registry repo repository request requests required requirement requirements reset resets resolver resource resource
response result results retriever revoked role rotation rotations router routes rule rules salt scanner schema scheme scope scopes score screen script
security selector separator sequence services set setter settings setup sha sha1 sha256 shown sign size
sources span spec specification state status storage store stores strategy stream strength strip style subject suffix
support supported syntax tab table tag tags target template templates text texts time timeout timer timestamp tip title titles
tooltip total transform translation tree trigger ttl txt type types ui unit updated upgrade uri uris url urls usage use used username util utils
valid validate validated validation validations validator validators validity variable verification verifier verify version versions view wrong incorrect mistyped
views visible visibility warning was widget width window worker writer xpath years zone
";

/// Words before the stem that make it no secret, or none that opens anything.
const HARMLESS_BEFORE: &str = "
absent actual as assert bad bitwise block break broken by can check clear cls comma compare compute confirm count create current_page
delete delimiter disable dummy empty enable enum eof example expect expected expired fake find foreign forget forgot forgotten get has hash hashed
hide if in incorrect index invalid is isset kind last lexer masked match max min missing mock new_page next no not null num old_page
on operator page pages parse parser peek placeholder prev primary pub public punctuation read remove required sample
show skip sort start string stop syntax toggle type unexpected unknown valid validate without wrong sorted partition
continuation cursor pagination paging sync resume cache i18n errors error messages message label labels lang
translation translations locale validation validations
";

/// Words before the stem that make it a passing thing: not for people to revoke.
const PASSING_BEFORE: &str =
    "csrf xsrf verification nonce antiforgery authenticity requestverification request page cancellation";

/// Words that may follow the stem without changing what it is.
const SAME_AFTER: &str = "
a access account admin again api app auth authorization b backup base base64 b64 bearer bot cert clear cleartext
confirm confirmation const constant content credential credentials current data db database decoded default dev development
dummy env equals example for hex hmac id_rsa key keys live local login main master mysql new old one openssl or original
passphrase password passwd plain plaintext postgres prev previous primary private prod production qa raw read readonly real
repeat root s sandbox second secondary secret secrets shared sign signing ssh stage staging stg str string super test
token tokens two user val value values verify web write
";

fn set(words: &'static str) -> HashSet<&'static str> {
    words.split_ascii_whitespace().collect()
}

macro_rules! lookup {
    ($(#[$doc:meta])* $name:ident, $table:ident, $words:ident) => {
        static $table: LazyLock<HashSet<&'static str>> = LazyLock::new(|| set($words));
        $(#[$doc])*
        pub(super) fn $name(word: &str) -> bool {
            $table.contains(word)
        }
    };
}

lookup!(
    /// Whether a word in small letters is one that stand-ins are made of.
    is_stand_in, STAND_IN_SET, STAND_INS
);
lookup!(
    /// Whether a word after the stem of a name makes it the name of something else.
    is_other_thing, OTHER_THING_SET, OTHER_THINGS
);
lookup!(
    /// Whether a word before the stem of a name makes it harmless.
    is_harmless_before, HARMLESS_SET, HARMLESS_BEFORE
);
lookup!(
    /// Whether a word before the stem makes it a passing thing.
    is_passing_before, PASSING_SET, PASSING_BEFORE
);
lookup!(
    /// Whether a word after the stem leaves it what it is.
    is_same_after, SAME_SET, SAME_AFTER
);

/// The words of a name or value in small letters, parted at separators, digits and camelCase edges. Letters beyond
/// ASCII count as small ones.
pub(super) fn words(text: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Vec<u8> = Vec::new();
    for (at, &byte) in text.iter().enumerate() {
        let letter = byte.is_ascii_alphabetic() || byte >= 0x80;
        let before = at.checked_sub(1).map(|at| text[at]);
        let after = text.get(at + 1);
        let edge = byte.is_ascii_uppercase()
            && (before.is_some_and(|b| b.is_ascii_lowercase())
                || before.is_some_and(|b| b.is_ascii_uppercase()) && after.is_some_and(u8::is_ascii_lowercase));
        if (!letter || edge) && !word.is_empty() {
            words.push(String::from_utf8_lossy(&std::mem::take(&mut word)).into_owned());
        }
        if letter {
            word.push(byte.to_ascii_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    words
}
