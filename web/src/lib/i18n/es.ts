// Spanish, the default and the shape of every other language.

import { mailed } from './mailed.es';

export const es = {
	mailed,
	app: {
		name: 'DentiCloud',
		tagline: 'La agenda de su consultorio, en vivo',
		language: 'Idioma',
		loading: 'Cargando…',
		close: 'Cerrar',
		retry: 'Reintentar'
	},
	login: {
		title: 'Iniciar sesión',
		email: 'Correo electrónico',
		password: 'Contraseña',
		submit: 'Entrar',
		submitting: 'Entrando…',
		wrong: 'El correo o la contraseña no son correctos, o falta confirmar el correo.',
		ended: 'La sesión ha terminado. Inicie sesión de nuevo.',
		noWorkspace: 'Su cuenta no pertenece a ningún consultorio.',
		logout: 'Cerrar sesión',
		workspace: 'Consultorio'
	},
	connection: {
		live: 'En vivo',
		reconnecting: 'Reconectando…',
		closed: 'Sin conexión'
	},
	calendar: {
		label: 'Agenda',
		day: 'Día',
		week: 'Semana',
		view: 'Vista',
		previous: 'Anterior',
		next: 'Siguiente',
		today: 'Hoy',
		newAppointment: 'Nueva cita',
		columns: 'Columnas',
		busy: 'Ocupado',
		hold: 'Reservado',
		block: 'Bloqueado',
		external: 'Calendario externo',
		zone: 'Hora de',
		noColumns: 'No hay calendarios que mostrar.',
		columnFailed: 'No se puede mostrar este calendario.'
	},
	presence: {
		here: 'También aquí',
		you: 'Usted, en otra ventana',
		dragging: '{name} está moviendo una cita',
		holding: '{name} está reservando'
	},
	booking: {
		title: 'Nueva cita',
		patient: 'Paciente',
		patientSearch: 'Buscar por nombre, correo o teléfono',
		patientNone: 'Ningún paciente coincide.',
		patientChange: 'Cambiar',
		patientRequired: 'Elija un paciente de la lista.',
		treatment: 'Tratamiento',
		dentist: 'Odontólogo',
		operatory: 'Sillón',
		anyOperatory: 'Cualquiera libre',
		date: 'Fecha',
		time: 'Hora',
		notes: 'Notas',
		submit: 'Reservar',
		submitting: 'Reservando…',
		cancel: 'Descartar',
		booked: 'Cita reservada.'
	},
	appointment: {
		title: 'Cita',
		when: 'Horario',
		status: 'Estado',
		changeStatus: 'Cambiar estado',
		cancel: 'Cancelar la cita',
		cancelReason: 'Motivo de la cancelación',
		cancelConfirm: 'Confirmar cancelación',
		keep: 'Volver',
		move: 'Cambiar horario',
		moveTo: 'Nuevo horario',
		hidden: 'Paciente no visible',
		cancelled: 'Cita cancelada.',
		moved: 'Cita cambiada al {when}.',
		statusChanged: 'Estado: {status}.',
		gone: 'Otra persona canceló o movió esta cita.'
	},
	status: {
		scheduled: 'Programada',
		confirmed: 'Confirmada',
		arrived: 'Llegó',
		in_chair: 'En el sillón',
		completed: 'Atendida',
		cancelled: 'Cancelada',
		no_show: 'No asistió'
	},
	refusal: {
		slot_taken: 'Ese horario ya está ocupado.',
		patient_busy: 'El paciente ya tiene otra cita a esa hora.',
		wrong_status: 'El estado actual de la cita no permite este cambio.',
		stale: 'Otra persona cambió esta cita mientras tanto. Revise cómo está ahora.',
		outside_hours: 'Está fuera del horario de atención.',
		too_soon: 'Es demasiado pronto: hace falta más anticipación.',
		beyond_horizon: 'La fecha está demasiado lejos para reservar.',
		daily_cap: 'Se alcanzó el máximo de citas de ese día.',
		no_assignment: 'El odontólogo no tiene asignado ese sillón a esa hora.',
		off_grid: 'La cita no puede empezar en ese minuto.',
		in_the_past: 'Ese horario ya pasó.',
		not_offered: 'El odontólogo no ofrece este tratamiento.',
		not_your_patient: 'El paciente no pertenece a este consultorio.',
		hold_expired: 'La reserva temporal ha caducado.',
		hold_limit: 'Hay demasiadas reservas temporales abiertas.',
		idempotency_mismatch: 'La solicitud se repitió con otros datos. Inténtelo de nuevo.',
		forbidden: 'No tiene permiso para hacer esto.',
		suspended: 'La cuenta del consultorio está suspendida.',
		busy: 'El servidor está ocupado. Inténtelo de nuevo en un momento.',
		outcome_unknown: 'No se sabe si el cambio se guardó. Revise la agenda.',
		timeout: 'No hubo respuesta a tiempo. Revise la agenda antes de repetir.',
		closed: 'No hay conexión con el servidor.',
		unauthorized: 'La sesión ha terminado. Inicie sesión de nuevo.',
		not_found: 'Esa cita ya no existe.',
		already_member: 'Usted ya trabaja en este consultorio.',
		email_taken: 'Otra cuenta tiene ese correo.',
		plan_limit: 'El consultorio no puede tener más pacientes por ahora.',
		validation: 'Faltan datos o no son válidos.',
		rate_limited: 'Demasiados intentos. Espere un momento.',
		network: 'No se pudo llegar al servidor.'
	},
	/** For a code that this page does not know yet. */
	refusalUnknown: 'No se pudo hacer el cambio ({code}).',
	/** Added to a refusal that names what stands in the way. */
	refusalConflict: 'Ocupado de {from} a {to}: {name}.',
	refusalConflictUnnamed: 'Ocupado de {from} a {to}.'
};

export type Dictionary = typeof es;
